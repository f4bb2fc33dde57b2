//! The command line.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::ColorChoice;

mod data;
mod drill;
mod get;
mod link;
mod network;
mod parse;
mod ping;
mod serve;
mod sockets;

pub(crate) use data::{Data, Part};
pub(crate) use drill::DrillArgs;
pub(crate) use get::{GetArgs, TlsMax};
pub(crate) use link::Link;
pub(crate) use network::{NetworkArgs, Via};
pub(crate) use parse::Resolve;
pub(crate) use ping::PingArgs;
pub(crate) use serve::{Place, ServeArgs};
pub(crate) use sockets::SocketsArgs;

/// Every layer of every exchange, made visible.
///
/// fathom has a TCP/IP stack of its own: each frame that a command sends or receives was made or read by
/// it, so each command can say where the time went, and why.
#[derive(Parser, Debug)]
#[command(name = "fathom", version, max_term_width = 100)]
#[command(after_help = "Start here:  fathom get https://example.com/ --via lab")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) display: Display,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Get(Box<GetArgs>),
    Ping(Box<PingArgs>),
    Serve(Box<ServeArgs>),
    Sockets(SocketsArgs),
    Drill(DrillArgs),
}

/// How to draw.
#[derive(clap::Args, Debug)]
pub(crate) struct Display {
    /// When to use colour
    ///
    /// `auto` is: on a terminal, unless NO_COLOR is set; elsewhere too if CLICOLOR_FORCE is set.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, global = true)]
    #[arg(help_heading = "Display", display_order = 900)]
    pub(crate) color: ColorChoice,

    /// Draw with ASCII characters only
    ///
    /// Taken by itself when the locale's characters are not UTF-8.
    #[arg(long, global = true, help_heading = "Display", display_order = 901)]
    pub(crate) ascii: bool,
}

/// What the command line asks for.
pub(crate) enum Parsed {
    /// A command to run.
    Run(Box<Cli>),
    /// Text to show on standard output: help or version.
    Show(String),
}

/// Reads a command line.
///
/// # Errors
///
/// One line that says what is wrong with it, with [`Exit::Usage`].
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>, color: bool) -> Result<Parsed, Failure> {
    let command =
        Cli::command().color(if color { clap::ColorChoice::Always } else { clap::ColorChoice::Never });
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let of = match arguments.iter().skip(1).find_map(|argument| argument.to_str()) {
        Some("drill") => "fathom drill",
        Some("get") => "fathom get",
        Some("ping") => "fathom ping",
        Some("serve") => "fathom serve",
        Some("sockets") => "fathom sockets",
        _ => "fathom",
    };
    let parsed = command.try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    match parsed {
        Ok(cli) => Ok(Parsed::Run(Box::new(cli))),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                let text = error.render();
                Ok(Parsed::Show(if color { text.ansi().to_string() } else { text.to_string() }))
            }
            _ => Err(usage(&error, of)),
        },
    }
}

/// A usage error in one line, with what clap suggests; `of` is the command that was used wrongly.
fn usage(error: &clap::Error, of: &str) -> Failure {
    let rendered = error.render().to_string();
    let text = rendered.strip_prefix("error: ").unwrap_or(&rendered);
    let message = text.split("\n\n").next().unwrap_or(text);
    let failure = Failure::new(Exit::Usage, message);
    let suggestions =
        [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    let suggested = suggestions.into_iter().find_map(|kind| match error.get(kind)? {
        ContextValue::String(one) => Some(one.clone()),
        ContextValue::Strings(several) => several.first().cloned(),
        _ => None,
    });
    // A guess with another first letter is no help.
    let given = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(given)) => Some(given.trim_start_matches('-')),
        _ => None,
    };
    let suggested = suggested.filter(|suggested: &String| {
        given.is_none_or(|given| given.chars().next() == suggested.trim_start_matches('-').chars().next())
    });
    failure.hint(match suggested {
        Some(suggested) => format!("did you mean '{suggested}'? (all options: {of} --help)"),
        None => format!("try '{of} --help'"),
    })
}

#[cfg(test)]
mod tests;
