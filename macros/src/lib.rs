//! The attributes of `polliwog`. Use them from there: `#[polliwog::main]`, `#[polliwog::test]`.
//!
//! They take the function apart by hand, since all they look for is the word `async` and the body: so
//! they depend on nothing and cost next to no time to build.
#![forbid(unsafe_code)]

use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

/// Makes an `async fn main` an ordinary one that runs on a runtime: `polliwog::block_on`.
///
/// ```ignore
/// #[polliwog::main]
/// async fn main() -> std::io::Result<()> {
///     let listener = polliwog::net::TcpListener::bind("127.0.0.1:8080").await?;
///     // …
///     Ok(())
/// }
/// ```
///
/// `workers = 4` starts a cluster of four workers beside it, `polliwog::Cluster`, to which
/// `polliwog::cluster::spawn` gives tasks; `main` itself, and what `polliwog::spawn` spawns in it, runs on the
/// main thread as without, so it may return what is not `Send`. The workers end with it. It needs the reactor mio.
///
/// ```ignore
/// #[polliwog::main(workers = 4)]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let sum = polliwog::cluster::spawn(async { (1..=1_000_000_u64).sum::<u64>() })?;
///     println!("{}", sum.await?);
///     Ok(())
/// }
/// ```
///
/// It works on any function without arguments. `crate = name` says under which name the package
/// `polliwog` is known where that is another one.
///
/// For more settings use a builder: `polliwog::mio::Runtime::builder()`, `polliwog::Cluster::builder()`.
#[proc_macro_attribute]
pub fn main(arguments: TokenStream, function: TokenStream) -> TokenStream {
    let arguments = match Arguments::parse(arguments, &["crate", "workers"]) {
        Ok(arguments) => arguments,
        Err(error) => return error.with(function),
    };
    let polliwog = arguments.polliwog();
    let body = match arguments.get("workers") {
        Some((_, workers)) => run(polliwog, &["cluster", "block_on_beside"], workers, false),
        None => run(polliwog, &["block_on"], TokenStream::new(), false),
    };
    match Function::parse(&function) {
        Ok(parts) => parts.with_body(body),
        Err(error) => error.with(function),
    }
}

/// Makes an `async fn` a test that runs on a runtime of its own.
///
/// * `#[polliwog::test]` runs it by `polliwog::block_on`: on the reactor of the short paths, which is mio
///   if that is on.
/// * `#[polliwog::test(seed = 7)]` runs it by `polliwog::spin::test`, in virtual time, where a run with
///   the same seed is the same; if it fails, it says what the seed was.
/// * `#[polliwog::test(seeds = 0..100)]` does so once for each seed.
/// * `#[polliwog::test(start_paused = true)]`, as tokio's, runs it as without, but the clock is paused: it
///   goes on only when nothing else is to be done. With a seed that is so anyway.
///
/// A seed needs the features `spin` and `std`. `crate = name` says under which name the package
/// `polliwog` is known where that is another one.
///
/// ```ignore
/// #[polliwog::test(seed = 7, start_paused = true)]
/// async fn an_hour_passes_in_no_time() {
///     polliwog::time::sleep(std::time::Duration::from_secs(3600)).await;
/// }
/// ```
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, function: TokenStream) -> TokenStream {
    let arguments = Arguments::parse(arguments, &["crate", "seed", "seeds", "start_paused"]);
    let built = arguments.and_then(|arguments| {
        let polliwog = arguments.polliwog();
        let paused = arguments.flag("start_paused")?;
        let body = match (arguments.get("seeds"), arguments.get("seed")) {
            (Some(_), Some((span, _))) => {
                return Err(Error::new(span, "either `seed` or `seeds`"));
            }
            (Some((_, seeds)), None) => run(polliwog, &["spin", "test_seeds"], seeds, true),
            (None, Some((_, seed))) => run(polliwog, &["spin", "test"], seed, false),
            (None, None) if paused => {
                run(polliwog, &["block_on_paused"], TokenStream::new(), false)
            }
            (None, None) => run(polliwog, &["block_on"], TokenStream::new(), false),
        };
        Ok(Function::parse(&function)?.with_body(body))
    });
    match built {
        Ok(built) => {
            let mut out: TokenStream = "#[::core::prelude::v1::test]".parse().unwrap_or_default();
            out.extend(built);
            out
        }
        Err(error) => error.with(function),
    }
}

/// Builds the new body of a function from the old one: a call of the function at `path` in the crate with
/// a first argument, if there is one, and the body as a future; for each seed anew, if so.
fn run(
    polliwog: TokenStream,
    path: &'static [&'static str],
    first: TokenStream,
    for_each: bool,
) -> impl FnOnce(Group) -> TokenStream {
    move |body| {
        let mut call = polliwog;
        for name in path {
            call.extend(path_separator());
            call.extend([TokenTree::from(Ident::new(name, Span::call_site()))]);
        }
        let mut arguments = first;
        if !arguments.is_empty() {
            arguments.extend([punct(',')]);
        }
        if for_each {
            arguments.extend("|_|".parse::<TokenStream>().unwrap_or_default());
        }
        arguments.extend([
            TokenTree::from(Ident::new("async", Span::call_site())),
            TokenTree::from(Ident::new("move", Span::call_site())),
            body.into(),
        ]);
        call.extend([TokenTree::from(Group::new(
            Delimiter::Parenthesis,
            arguments,
        ))]);
        call
    }
}

fn punct(character: char) -> TokenTree {
    Punct::new(character, Spacing::Alone).into()
}

fn path_separator() -> [TokenTree; 2] {
    [Punct::new(':', Spacing::Joint).into(), punct(':')]
}

/// What is wrong, and where.
struct Error {
    span: Span,
    text: &'static str,
}

impl Error {
    fn new(span: Span, text: &'static str) -> Self {
        Self { span, text }
    }

    /// The error, and the function as it was, so that nothing else is reported about it.
    fn with(self, function: TokenStream) -> TokenStream {
        let mut text = Group::new(
            Delimiter::Parenthesis,
            TokenTree::from(Literal::string(self.text)).into(),
        );
        text.set_span(self.span);
        let mut out = TokenStream::from_iter(
            path_separator()
                .into_iter()
                .chain([TokenTree::from(Ident::new("core", self.span))])
                .chain(path_separator())
                .chain([
                    Ident::new("compile_error", self.span).into(),
                    punct('!'),
                    text.into(),
                    punct(';'),
                ])
                .map(|mut token| {
                    token.set_span(self.span);
                    token
                }),
        );
        out.extend(function);
        out
    }
}

/// `name = value, …`.
struct Arguments(Vec<(String, Span, TokenStream)>);

impl Arguments {
    fn parse(arguments: TokenStream, known: &[&str]) -> Result<Self, Error> {
        let mut all = Vec::new();
        let mut tokens = arguments.into_iter().peekable();
        while let Some(name) = tokens.next() {
            let span = name.span();
            let text = name.to_string();
            if !known.contains(&text.as_str()) {
                return Err(Error::new(
                    span,
                    "no such setting: there are `crate`, for `main` `workers`, and for tests `seed`, `seeds` \
                     and `start_paused`; whatever else a runtime can do is set by its builder",
                ));
            }
            match tokens.next() {
                Some(TokenTree::Punct(equals)) if equals.as_char() == '=' => {}
                _ => return Err(Error::new(span, "this setting has a value: `name = value`")),
            }
            let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
            let mut value = TokenStream::new();
            while let Some(token) = tokens.next_if(|token| !is_comma(token)) {
                value.extend([token]);
            }
            tokens.next();
            if value.is_empty() {
                return Err(Error::new(span, "this setting has a value: `name = value`"));
            }
            all.push((text, span, value));
        }
        Ok(Self(all))
    }

    fn get(&self, name: &str) -> Option<(Span, TokenStream)> {
        (self.0.iter().find(|argument| argument.0 == name))
            .map(|(_, span, value)| (*span, value.clone()))
    }

    fn flag(&self, name: &str) -> Result<bool, Error> {
        match self.get(name) {
            None => Ok(false),
            Some((span, value)) => match value.to_string().as_str() {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err(Error::new(span, "either `true` or `false`")),
            },
        }
    }

    /// The path of the crate.
    fn polliwog(&self) -> TokenStream {
        self.get("crate").map_or_else(
            || {
                let name = Ident::new("polliwog", Span::call_site());
                TokenStream::from_iter(path_separator().into_iter().chain([name.into()]))
            },
            |(_, path)| path,
        )
    }
}

/// An `async fn` without arguments, without the word `async`.
struct Function {
    /// All but the body.
    head: TokenStream,
    body: Group,
}

impl Function {
    fn parse(function: &TokenStream) -> Result<Self, Error> {
        let is = |token: &TokenTree, word: &str| matches!(token, TokenTree::Ident(ident) if ident.to_string() == word);
        let mut tokens: Vec<TokenTree> = function.clone().into_iter().collect();
        let whole = Span::call_site();
        let Some(TokenTree::Group(body)) = tokens.pop() else {
            return Err(Error::new(whole, "this attribute is for an `async fn`"));
        };
        let Some(at) = tokens.iter().position(|token| is(token, "fn")) else {
            return Err(Error::new(whole, "this attribute is for an `async fn`"));
        };
        let name = tokens.get(at + 1).map_or(whole, TokenTree::span);
        let Some(word) = tokens[..at].iter().position(|token| is(token, "async")) else {
            return Err(Error::new(name, "the function is to be an `async fn`"));
        };
        match tokens.get(at + 2) {
            Some(TokenTree::Group(arguments)) if arguments.stream().is_empty() => {}
            _ => return Err(Error::new(name, "the function is to have no arguments")),
        }
        tokens.remove(word);
        Ok(Self {
            head: tokens.into_iter().collect(),
            body,
        })
    }

    fn with_body(self, body: impl FnOnce(Group) -> TokenStream) -> TokenStream {
        let span = self.body.span();
        let mut group = Group::new(Delimiter::Brace, body(self.body));
        group.set_span(span);
        let mut out = self.head;
        out.extend([TokenTree::from(group)]);
        out
    }
}
