//! The body of a request, from any mix of curl's data options in their order.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};

/// One data option with its argument.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// `-d`: text, or `@FILE` without its line ends.
    Text(String),
    /// `--data-raw`: text, `@` has no meaning.
    Raw(String),
    /// `--data-binary`: text, or `@FILE` as it is.
    Binary(String),
    /// `--data-urlencode`: text to encode.
    UrlEncode(String),
    /// `--json`: text, or `@FILE` as it is; joined without `&`.
    Json(String),
}

/// The data options in the order they were given.
///
/// The order matters, since curl joins them; so these options are declared by hand and read with their
/// places on the command line.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Data {
    /// The options.
    pub(crate) parts: Vec<Part>,
}

impl Data {
    /// Whether the data is JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Json(_)))
    }
}

struct Declaration {
    id: &'static str,
    short: Option<char>,
    value: &'static str,
    help: &'static str,
    long_help: &'static str,
    make: fn(String) -> Part,
}

const OPTIONS: &[Declaration] = &[
    Declaration {
        id: "data",
        short: Some('d'),
        value: "DATA",
        help: "Send DATA in a POST; @FILE reads a file, @- standard input",
        long_help: "Send DATA in a POST request, as a browser sends a form\n\n\
            @FILE sends a file without its line ends and NUL bytes, @- standard input. Given several times, \
            the parts are joined with '&'. Sets Content-Type to application/x-www-form-urlencoded unless -H says otherwise.",
        make: Part::Text,
    },
    Declaration {
        id: "data-raw",
        short: None,
        value: "DATA",
        help: "Like -d, but a leading @ has no meaning",
        long_help: "Like -d, but a leading @ has no meaning",
        make: Part::Raw,
    },
    Declaration {
        id: "data-binary",
        short: None,
        value: "DATA",
        help: "Like -d, but a file is sent byte for byte",
        long_help: "Like -d, but @FILE is sent byte for byte, line ends included",
        make: Part::Binary,
    },
    Declaration {
        id: "data-urlencode",
        short: None,
        value: "DATA",
        help: "Like -d, with DATA percent-encoded",
        long_help: "Like -d, with DATA percent-encoded\n\n\
            CONTENT or =CONTENT encodes the content, NAME=CONTENT encodes the content after 'NAME=' (a space as +), \
            @FILE and NAME@FILE encode a file.",
        make: Part::UrlEncode,
    },
    Declaration {
        id: "json",
        short: None,
        value: "DATA",
        help: "Send DATA as JSON in a POST; @FILE, @- as with -d",
        long_help: "Send DATA as JSON in a POST request\n\n\
            Like --data-binary, with Content-Type and Accept set to application/json unless -H says otherwise. \
            Given several times, the parts are joined as they are.",
        make: Part::Json,
    },
];

impl Args for Data {
    fn augment_args(command: Command) -> Command {
        OPTIONS.iter().fold(command, |command, option| {
            let mut arg = Arg::new(option.id)
                .long(option.id)
                .value_name(option.value)
                .help(option.help)
                .long_help(option.long_help)
                .action(ArgAction::Append)
                .allow_hyphen_values(true)
                .help_heading("Request");
            if let Some(short) = option.short {
                arg = arg.short(short);
            }
            command.arg(arg)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Data {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut parts: Vec<(usize, Part)> = Vec::new();
        for option in OPTIONS {
            let (Some(values), Some(places)) =
                (matches.get_many::<String>(option.id), matches.indices_of(option.id))
            else {
                continue;
            };
            parts.extend(places.zip(values.map(|value| (option.make)(value.clone()))));
        }
        parts.sort_by_key(|(place, _)| *place);
        Ok(Data { parts: parts.into_iter().map(|(_, part)| part).collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
