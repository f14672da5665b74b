//! Keys: where they come from, and the type that never shows them.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, Serializer};

use super::sign::{Signer, SignerError};

/// A text that is not shown: not by Debug, not by Display, not in JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

/// What is shown instead.
const HIDDEN: &str = "<secret>";

impl Secret {
    /// Takes a text; blanks around it, such as the newline at the end of a file, are no part of it.
    pub fn new(text: &str) -> Secret {
        Secret(text.trim().into())
    }

    /// The text itself: for signing, and for the header of the key.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

/// Where one text of the key comes from. Its value is never in a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretSource {
    /// The name of an environment variable.
    Env(String),
    /// The path of a file that only its owner may read (mode 600).
    File(PathBuf),
}

/// Where the key of an account comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySources {
    /// The key that goes into the header.
    pub api_key: SecretSource,
    /// The HMAC secret, or a private key (RSA or Ed25519, PKCS#8) as PEM.
    pub secret: SecretSource,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The environment lacks it.
    #[error(
        "the environment variable {name} is not set: set it, or say live.key_file and live.secret_file, files with mode 600"
    )]
    NotInEnvironment {
        /// Its name.
        name: String,
    },
    /// The file cannot be read.
    #[error("the key file {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is a folder, a pipe or a device.
    #[error("the key file {} is no file: put the key alone into a file with mode 600", path.display())]
    NoFile {
        /// Which.
        path: PathBuf,
    },
    /// Somebody else may change the file.
    #[error("the key file {} belongs to user {owner}, not to the user of this process: chown it", path.display())]
    Foreign {
        /// Which.
        path: PathBuf,
        /// Its owner's number.
        owner: u32,
    },
    /// Others may read the file.
    #[error("the key file {} has mode {mode:03o} and must have 600: chmod 600 {}", path.display(), path.display())]
    Mode {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Nothing is in it.
    #[error("{what} is empty")]
    Empty {
        /// Which source.
        what: String,
    },
    /// What is in it cannot be a key.
    #[error(
        "{what} holds blanks or characters that no key has: it has to be the key alone, on one line"
    )]
    Malformed {
        /// Which source.
        what: String,
    },
    /// The private key is none.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

/// The key of one account.
#[derive(Debug)]
pub struct Keys {
    pub(super) api_key: Secret,
    pub(super) signer: Signer,
}

impl Keys {
    /// From the texts themselves.
    pub fn new(api_key: Secret, secret: &Secret) -> Result<Keys, KeyError> {
        Ok(Keys { api_key, signer: Signer::new(secret)? })
    }

    /// Reads both texts. `environment` gives the value of a variable: the command line reads the
    /// environment, nobody else does.
    pub fn load(
        sources: &KeySources,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Keys, KeyError> {
        let api_key = read(&sources.api_key, environment)?;
        let secret = read(&sources.secret, environment)?;
        Keys::new(api_key, &secret)
    }
}

fn read(
    source: &SecretSource,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Secret, KeyError> {
    let (what, text) = match source {
        SecretSource::Env(name) => {
            let none = || KeyError::NotInEnvironment { name: name.clone() };
            (format!("the environment variable {name}"), environment(name).ok_or_else(none)?)
        }
        SecretSource::File(path) => {
            only_its_owner_reads(path)?;
            let text = std::fs::read_to_string(path)
                .map_err(|source| KeyError::File { path: path.clone(), source })?;
            (format!("the key file {}", path.display()), text)
        }
    };
    let secret = Secret::new(&text);
    if secret.0.is_empty() {
        return Err(KeyError::Empty { what });
    }
    // A private key in PEM has lines; whatever else has a blank in it was not copied well.
    if !secret.0.contains("-----BEGIN") && !secret.0.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(KeyError::Malformed { what });
    }
    Ok(secret)
}

#[cfg(unix)]
fn only_its_owner_reads(path: &Path) -> Result<(), KeyError> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let metadata = std::fs::metadata(path)
        .map_err(|source| KeyError::File { path: path.to_owned(), source })?;
    if !metadata.is_file() {
        return Err(KeyError::NoFile { path: path.to_owned() });
    }
    // Whose process this is; where nothing tells, nobody is a stranger.
    let own = std::fs::metadata("/proc/self").map_or(metadata.uid(), |process| process.uid());
    if metadata.uid() != own {
        return Err(KeyError::Foreign { path: path.to_owned(), owner: metadata.uid() });
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o177 != 0 {
        return Err(KeyError::Mode { path: path.to_owned(), mode });
    }
    Ok(())
}

/// Without permission bits there is nothing to look at.
#[cfg(not(unix))]
fn only_its_owner_reads(_: &Path) -> Result<(), KeyError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::new(" hush-hush\n");
        assert_eq!(secret.expose(), "hush-hush");
        let shown = format!("{secret:?} {secret} {}", serde_json::to_string(&secret).unwrap());
        assert!(!shown.contains("hush"), "{shown}");
        let keys = Keys::new(Secret::new("the-key"), &secret).unwrap();
        let shown = format!("{keys:?}");
        assert!(!shown.contains("hush") && !shown.contains("the-key"), "{shown}");
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "hush\n").unwrap();
        let sources = KeySources {
            api_key: SecretSource::Env("KEY".into()),
            secret: SecretSource::File(path.clone()),
        };
        let environment = |name: &str| (name == "KEY").then(|| "key".to_owned());
        let set = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode));
        set(0o640).unwrap();
        let error = Keys::load(&sources, &environment).unwrap_err().to_string();
        assert!(error.contains("640") && error.contains("chmod 600") && error.contains("secret"));
        set(0o600).unwrap();
        assert_eq!(Keys::load(&sources, &environment).unwrap().api_key.expose(), "key");
        std::fs::write(&path, "hu\nsh\n").unwrap();
        let error = Keys::load(&sources, &environment).unwrap_err();
        assert!(matches!(error, KeyError::Malformed { .. }), "{error}");
        assert!(!error.to_string().contains("hu\n"), "{error}");
        std::fs::write(&path, " \n").unwrap();
        assert!(matches!(Keys::load(&sources, &environment), Err(KeyError::Empty { .. })));
        let none = Keys::load(&sources, &|_| None).unwrap_err().to_string();
        assert!(none.contains("KEY"), "{none}");
        let sources = KeySources { secret: SecretSource::File(folder.path().into()), ..sources };
        let error = Keys::load(&sources, &environment).unwrap_err().to_string();
        assert!(error.contains("is no file"), "{error}");
    }

    #[test]
    fn a_source_is_written_in_one_word() {
        let read: KeySources =
            serde_json::from_str(r#"{"api_key":{"env":"A"},"secret":{"file":"b.pem"}}"#).unwrap();
        assert_eq!(read.api_key, SecretSource::Env("A".into()));
        assert!(serde_json::from_str::<KeySources>(r#"{"api_key":"x","secret":"y"}"#).is_err());
    }
}
