//! One table per section: field, meaning and default are written once and used three times.

/// Declares a section: the struct, its `Default`, and its table of keys for `default.toml`.
///
/// Every key takes the default when a file leaves it out; an unknown key is an error. The doc
/// comment of a field becomes the comment above its key in `default.toml`.
macro_rules! knobs {
    (
        $(#[doc = $about:literal])+
        pub struct $section:ident {
            $(
                $(#[doc = $doc:literal])+
                $(#[serde($($serde:tt)+)])?
                pub $key:ident: $kind:ty = $default:expr,
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $section {
            $(
                $(#[doc = $doc])+
                $(#[serde($($serde)+)])?
                pub $key: $kind,
            )+
        }

        impl Default for $section {
            fn default() -> Self {
                Self { $($key: $default,)+ }
            }
        }

        impl $crate::Section for $section {
            const ABOUT: &'static [&'static str] = &[$($about),+];
            const KEYS: &'static [$crate::Key] = &[$(
                $crate::Key { name: stringify!($key), doc: &[$($doc),+] },
            )+];
        }
    };
}

pub(crate) use knobs;

/// One key of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name in the file.
    pub name: &'static str,
    /// Its meaning, line by line as documented, each with the leading blank of a doc comment.
    pub doc: &'static [&'static str],
}

/// A section of the configuration, with what `default.toml` and error messages say of it.
pub trait Section {
    /// What the section is about, line by line.
    const ABOUT: &'static [&'static str];
    /// Its keys, in the order of the file.
    const KEYS: &'static [Key];
}
