//! Cuts the original's configuration file into tokens.

use thiserror::Error;
use toml::Value;

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {cause}")]
pub(crate) struct LibconfigError {
    /// Where, from 1.
    pub(super) line: usize,
    /// What, and what is allowed.
    pub(super) cause: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Name(String),
    Value(Value),
    /// `=` or `:`.
    Assign,
    Open,
    Close,
    /// `;` or `,`.
    Separator,
}

/// What is left of a file.
pub(super) struct Lexer<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text, line: 1 }
    }

    /// The next token with its line; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<(usize, Token)>, LibconfigError> {
        self.skip_blanks()?;
        let line = self.line;
        let Some(first) = self.rest.chars().next() else { return Ok(None) };
        let token = match first {
            '=' | ':' => self.mark(Token::Assign),
            '{' => self.mark(Token::Open),
            '}' => self.mark(Token::Close),
            ';' | ',' => self.mark(Token::Separator),
            '"' => self.text()?,
            _ => self.word()?,
        };
        Ok(Some((line, token)))
    }

    fn skip_blanks(&mut self) -> Result<(), LibconfigError> {
        loop {
            let blanks = self.rest.len() - self.rest.trim_start().len();
            self.take(blanks);
            if self.rest.starts_with("//") || self.rest.starts_with('#') {
                self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
            } else if self.rest.starts_with("/*") {
                let Some(end) = self.rest.find("*/") else {
                    return Err(self.error("a comment is not closed by `*/`".into()));
                };
                self.take(end + 2);
            } else if blanks == 0 {
                return Ok(());
            }
        }
    }

    fn mark(&mut self, token: Token) -> Token {
        self.take(1);
        token
    }

    /// Text in quotation marks; `\"` and `\\` are the escapes that paths need.
    fn text(&mut self) -> Result<Token, LibconfigError> {
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.take(at + 1);
                    return Ok(Token::Value(Value::String(text)));
                }
                '\\' => text.extend(characters.next().map(|(_, escaped)| escaped)),
                _ => text.push(character),
            }
        }
        Err(self.error("text is not closed by a quotation mark".into()))
    }

    /// A name, a number, `true` or `false`.
    fn word(&mut self) -> Result<Token, LibconfigError> {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '+' | '.' | '*');
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let word = &self.rest[..end];
        let token = match word {
            "" => None,
            _ if word.eq_ignore_ascii_case("true") => Some(Token::Value(Value::Boolean(true))),
            _ if word.eq_ignore_ascii_case("false") => Some(Token::Value(Value::Boolean(false))),
            _ if word.starts_with(|c: char| c.is_alphabetic()) => Some(Token::Name(word.into())),
            _ => integer(word).map(|integer| Token::Value(Value::Integer(integer))),
        };
        let Some(token) = token else {
            let shown: String = self.rest.chars().take(end.max(1)).collect();
            return Err(self.error(format!(
                "`{shown}` is neither a key nor a value: allowed are integers (with or without L), \
                 text in quotation marks, true and false"
            )));
        };
        self.take(end);
        Ok(token)
    }

    fn take(&mut self, bytes: usize) {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += taken.matches('\n').count();
        self.rest = rest;
    }

    pub(super) fn error(&self, cause: String) -> LibconfigError {
        LibconfigError { line: self.line, cause }
    }
}

/// An integer as libconfig writes it: `16777216`, `16777216L`, `0x1000000`, `-1`.
fn integer(word: &str) -> Option<i64> {
    let digits = word.strip_suffix("LL").or_else(|| word.strip_suffix('L')).unwrap_or(word);
    match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hexadecimal) => i64::from_str_radix(hexadecimal, 16).ok(),
        None => digits.parse().ok(),
    }
}
