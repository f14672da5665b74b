//! Which store a URL means, and what its complaints mean to who reads them.

use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as StorePath;
use object_store::{Error, ObjectStore, ObjectStoreScheme, RetryConfig};
use url::Url;

/// A store that does not answer is asked again for so long.
const PATIENCE: Duration = Duration::from_secs(30);
const RETRIES: usize = 5;

/// A place in a store.
pub(super) struct Place {
    pub url: String,
    pub store: Box<dyn ObjectStore>,
    pub prefix: StorePath,
}

/// A URL without what may be secret in it: user, password, query.
pub(super) fn shown(url: &str) -> String {
    let plain = url.split(['?', '#']).next().unwrap_or(url);
    match plain.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = host.rsplit('@').next().unwrap_or(host);
            format!("{scheme}://{host}/{path}").trim_end_matches('/').to_owned()
        }
        None => plain.to_owned(),
    }
}

/// Builds a cloud's store from the variables that its builder knows.
macro_rules! cloud {
    ($builder:ty, $url:expr, $environment:expr) => {{
        let mut builder = <$builder>::new().with_url($url).with_retry(retries());
        for (name, value) in $environment {
            if let Ok(key) = name.to_ascii_lowercase().parse() {
                builder = builder.with_config(key, value);
            }
        }
        builder.build().map(|store| Box::new(store) as Box<dyn ObjectStore>)
    }};
}

fn retries() -> RetryConfig {
    RetryConfig { max_retries: RETRIES, retry_timeout: PATIENCE, ..RetryConfig::default() }
}

impl Place {
    pub fn parse(text: &str, environment: &[(String, String)]) -> Result<Place, String> {
        const KNOWN: &str = "write s3://BUCKET/FOLDER, gs://BUCKET/FOLDER, az://CONTAINER/FOLDER, https://… of a WebDAV server, file:///FOLDER, or a path";
        let url = Url::parse(text).map_err(|error| format!("is no URL ({error}): {KNOWN}"))?;
        let (scheme, prefix) = ObjectStoreScheme::parse(&url)
            .map_err(|_| format!("no store is known under {}://: {KNOWN}", url.scheme()))?;
        let store = match scheme {
            ObjectStoreScheme::Local => {
                Ok(Box::new(LocalFileSystem::new()) as Box<dyn ObjectStore>)
            }
            ObjectStoreScheme::AmazonS3 => cloud!(AmazonS3Builder, text, environment),
            ObjectStoreScheme::GoogleCloudStorage => {
                cloud!(GoogleCloudStorageBuilder, text, environment)
            }
            ObjectStoreScheme::MicrosoftAzure => cloud!(MicrosoftAzureBuilder, text, environment),
            ObjectStoreScheme::Http => {
                let base = &url[..url::Position::BeforePath];
                let builder = HttpBuilder::new().with_url(base).with_retry(retries());
                builder.build().map(|store| Box::new(store) as Box<dyn ObjectStore>)
            }
            _ => return Err(format!("no store is known under {}://: {KNOWN}", url.scheme())),
        };
        let store = store.map_err(|error| told(&error))?;
        Ok(Place { url: shown(text), store, prefix })
    }
}

/// What a store said, and what to do about it.
pub(super) fn told(error: &Error) -> String {
    let remedy = match error {
        Error::NotFound { .. } => "is the bucket's name right, and is it there?",
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            "the store refuses: are the keys right (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, GOOGLE_SERVICE_ACCOUNT, AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY), and may they list and read there?"
        }
        Error::Precondition { .. } => "it was replaced while it was read: run this again",
        Error::NotImplemented { .. } | Error::NotSupported { .. } => {
            "this server cannot list what it has: take an object store or a WebDAV server"
        }
        _ => "is the store reachable from here, and its address right (AWS_ENDPOINT, AWS_REGION)?",
    };
    // The whole chain, because the outermost sentence says only that something was generic; without queries, which may
    // hold a signature.
    let mut parts: Vec<String> = Vec::new();
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        let text = without_queries(&error.to_string());
        if !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        next = error.source();
    }
    format!("{}; {remedy}", parts.join(": "))
}

fn without_queries(text: &str) -> String {
    let word = |word: &str| match word.split_once('?') {
        Some((before, _)) if before.contains("://") => format!("{before}?…"),
        _ => word.to_owned(),
    };
    // A store's answer may be a page of XML.
    let words: Vec<String> = text.split_whitespace().map(word).collect();
    words.join(" ").chars().take(400).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_shown() {
        assert_eq!(shown("s3://bucket/set/"), "s3://bucket/set");
        assert_eq!(shown("https://me:secret@host/a/b?sig=abc#x"), "https://host/a/b");
        assert_eq!(shown("az://container"), "az://container");
        let text = without_queries("error sending request for url https://h/a?sig=abc (timed out)");
        assert_eq!(text, "error sending request for url https://h/a?… (timed out)");
    }

    #[test]
    fn a_url_of_no_store_is_refused() {
        for text in ["ftp://host/a", "s3://", "nothing"] {
            let told = Place::parse(text, &[]).err().expect("it is refused");
            assert!(told.contains("write s3://BUCKET/FOLDER"), "{text}: {told}");
        }
    }
}
