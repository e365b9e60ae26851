//! What the attributes look for in a function's body, and what they add to it.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::{Attribute, ItemFn, Stmt, parse_quote};

/// Makes the function one that awaits, for `clippy::unused_async`: the attributes ask for
/// an `async fn`, so whoever has nothing to await can't do without. Allowing the lint would
/// be an error where it is forbidden, and would swallow what is expected of code inside.
///
/// Where the function itself expects the lint, it is left to it.
pub(crate) fn await_something(function: &mut ItemFn, lints: &[Attribute]) {
    let expects = |lint: &Attribute| {
        let levels = ["all", "pedantic", "unused_async"];
        lint.path().is_ident("expect")
            && idents(lint.to_token_stream()).any(|word| levels.contains(&&*word))
    };
    if !lints.iter().any(expects) {
        let ready: Stmt = parse_quote!(::core::future::ready(()).await;);
        // Behind the items at the top, which are there for the whole body.
        let statements = &mut function.block.stmts;
        let is_item = |statement: &Stmt| matches!(statement, Stmt::Item(_));
        let first = statements.iter().position(|one| !is_item(one));
        statements.insert(first.unwrap_or(statements.len()), ready);
    }
}

/// Whether the function uses a path that begins with its own name: `server::start()` in
/// `async fn server`.
pub(crate) fn uses_a_module_of_its_name(function: &ItemFn) -> bool {
    let mut before: Option<String> = None;
    let mut colons = 0;
    let name = function.sig.ident.to_string();
    any_token(function.to_token_stream(), &mut |token| {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
            TokenTree::Ident(ident) => {
                // `super::server::start` begins with another; `self` changes nothing.
                let begins = colons < 2 || before.as_deref() == Some("self");
                before = begins.then(|| ident.to_string());
                colons = 0;
            }
            _ => (before, colons) = (None, 0),
        }
        colons == 2 && before.as_deref() == Some(&name)
    })
}

/// The words in the tokens, groups included.
fn idents(tokens: TokenStream) -> impl Iterator<Item = String> {
    let mut found = Vec::new();
    any_token(tokens, &mut |token| {
        if let TokenTree::Ident(ident) = token {
            found.push(ident.to_string());
        }
        false
    });
    found.into_iter()
}

/// Whether that holds for one of the tokens, groups included.
pub(crate) fn any_token(tokens: TokenStream, holds: &mut dyn FnMut(&TokenTree) -> bool) -> bool {
    tokens.into_iter().any(|token| {
        holds(&token)
            || matches!(token, TokenTree::Group(group) if any_token(group.stream(), holds))
    })
}

#[cfg(test)]
mod tests {
    use super::uses_a_module_of_its_name;

    #[test]
    fn a_path_that_begins_with_its_own_name() {
        for (body, expected) in [
            ("server::start()", true),
            ("let a: server::Server = b;", true),
            ("assert_eq!(1, [server::PORT][0])", true),
            ("self::server::start()", true),
            ("server()", false),
            ("super::server::start()", false),
            ("::server::start()", false),
            ("a::<u8>(server)", false),
            ("match x { server => ::std::process::abort() }", false),
        ] {
            let text = format!("async fn server() {{ {body} }}");
            let function = syn::parse_str(&text).unwrap();
            assert_eq!(uses_a_module_of_its_name(&function), expected, "{body}");
        }
    }
}
