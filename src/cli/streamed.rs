//! Long answers, written page by page as they come: a table, or one JSON object with a list in it.
//!
//! Only one page is ever in memory. The first page decides how wide a table's columns are; what
//! does not fit later pushes the rest of its own line only. JSON has an element a line, so that it
//! can be read line by line as well.

use std::io::{self, BufWriter, Write};

use anyhow::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cli::args::Arguments;
use crate::cli::show::{self, Columns};
use crate::control::client::{self, ClientError};
use crate::control::protocol::Call;
use crate::paths;

/// What is written of the answer to one call.
pub(super) struct Streamed<'a> {
    /// The list's name, in the answer and in what is written.
    pub list: &'static str,
    /// The table's columns.
    pub columns: Columns<'a>,
    /// What is said if there is nothing.
    pub nothing: &'static str,
}

impl Streamed<'_> {
    /// Asks, and writes the answer to standard output; `row` makes a line of the table of an
    /// element, and `below` the lines that follow it. Whether there was any.
    pub fn write<T: Serialize + DeserializeOwned>(
        self,
        arguments: &Arguments,
        method: &str,
        parameters: Value,
        row: impl Fn(&T) -> Vec<String>,
        below: impl Fn(&T) -> Vec<String>,
    ) -> Result<bool> {
        let mut out = BufWriter::new(io::stdout().lock());
        let mut any = false;
        let mut widths = None;
        if arguments.json {
            write!(out, "{{\"{}\":[", self.list)?;
        }
        let call = Call::new(method, parameters, true);
        client::call(
            &paths::control_socket(&arguments.root),
            &call,
            |mut page| -> Result<()> {
                let page: Vec<T> =
                    serde_json::from_value(page[self.list].take()).map_err(|error| {
                        ClientError::Broken(format!("its answer is not understood: {error}"))
                    })?;
                if arguments.json {
                    for element in &page {
                        out.write_all(if any { b",\n" } else { b"\n" })?;
                        serde_json::to_writer(&mut out, element)?;
                        any = true;
                    }
                } else if !page.is_empty() {
                    any = true;
                    let rows: Vec<Vec<String>> = page.iter().map(&row).collect();
                    if widths.is_none() {
                        let first = self.columns.widths(&rows);
                        self.columns.head(&mut out, &first)?;
                        widths = Some(first);
                    }
                    let widths = widths.as_deref().unwrap_or_default();
                    for (row, element) in rows.iter().zip(&page) {
                        show::line(&mut out, row, widths, self.columns.right)?;
                        for line in below(element) {
                            writeln!(out, "{line}")?;
                        }
                    }
                }
                Ok(out.flush()?)
            },
        )?;
        match (arguments.json, any) {
            (true, true) => writeln!(out, "\n]}}")?,
            (true, false) => writeln!(out, "]}}")?,
            (false, true) => {}
            (false, false) => writeln!(out, "{}", self.nothing)?,
        }
        out.flush()?;
        Ok(any)
    }
}
