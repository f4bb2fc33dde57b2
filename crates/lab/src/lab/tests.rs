//! What the lab promises.

mod pages;
mod timing;

use fathom_apps::http::client::{FetchError, Options, Request, Response, fetch};
use fathom_apps::tls::client::{Options as Tls, Roots};

use super::*;

/// Options that trust the lab.
fn options(lab: &Lab) -> Options {
    let tls = Tls { roots: Roots::Certificates(vec![lab.ca().clone()]), ..Tls::default() };
    Options { tls, ..Options::default() }
}

/// Sends `request` and reads the response to its end.
fn send(lab: &mut Lab, request: Request, options: Options) -> Result<(Response, Vec<u8>), FetchError> {
    let client = lab.client().clone();
    lab.block_on(async move {
        let mut response = fetch(&client, request, options).await?;
        let bytes = response.bytes().await?;
        Ok((response, bytes.to_vec()))
    })
    .unwrap()
}

fn get(lab: &mut Lab, url: &str, options: Options) -> Result<(Response, Vec<u8>), FetchError> {
    send(lab, Request::get(url).unwrap(), options)
}
