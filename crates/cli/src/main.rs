//! The `fathom` command.
#![forbid(unsafe_code)]

use std::io::{IsTerminal, Write, stderr, stdout};
use std::process::ExitCode;

use args::{Cli, Command, Parsed};
use terminal::Style;

mod args;
mod control;
mod drill;
mod exit;
mod failure;
mod get;
mod network;
mod output;
mod ping;
mod serve;
mod sockets;
mod terminal;
mod write_out;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let color = terminal::color_of_help(&arguments, stdout().is_terminal());
    let Cli { command, display } = match args::parse(arguments, color) {
        Ok(Parsed::Run(cli)) => *cli,
        Ok(Parsed::Show(text)) => {
            // Whoever closes the pipe has read enough.
            let _ = stdout().write_all(text.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(failure) => {
            // Nothing can be said about a broken standard error.
            let _ = writeln!(stderr(), "fathom: {failure}");
            return failure.exit.into();
        }
    };
    match command {
        Command::Drill(args) => drill::run(&args).into(),
        Command::Get(args) => get::run(&args, Style::detect(display.color, display.ascii)).into(),
        Command::Ping(args) => ping::run(&args).into(),
        Command::Sockets(args) => sockets::run(&args).into(),
        Command::Serve(args) => serve::run(&args, Style::detect(display.color, display.ascii)).into(),
    }
}
