//! The text of one file, and where in it something stands.

use std::sync::Arc;

/// A file that was read, with what is needed to turn byte offsets into lines and columns.
#[derive(Clone, Debug)]
pub(super) struct Text {
    file: Arc<str>,
    content: String,
    /// The byte offset at which each line begins.
    line_starts: Vec<usize>,
}

/// A position in a file, as an editor shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The file's path, for people.
    pub file: Arc<str>,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
}

impl Text {
    /// The text `content` of `file`.
    pub fn new(file: &str, content: String) -> Self {
        let line_starts = std::iter::once(0)
            .chain(content.match_indices('\n').map(|(offset, _)| offset + 1))
            .collect();
        Self {
            file: Arc::from(file),
            content,
            line_starts,
        }
    }

    /// All of it.
    pub fn content(&self) -> &str {
        &self.content
    }

    /// Where the byte at `offset` stands; an offset beyond the end is the end.
    pub fn place(&self, offset: usize) -> Place {
        let offset = self.content.floor_char_boundary(offset);
        let line = self.line_starts.partition_point(|&start| start <= offset);
        let start = self.line_starts[line - 1];
        Place {
            file: Arc::clone(&self.file),
            line,
            column: self.content[start..offset].chars().count() + 1,
        }
    }
}

impl Place {
    /// The beginning of `file`: for what is wrong with a file as a whole.
    pub fn beginning(file: &str) -> Self {
        Self {
            file: Arc::from(file),
            line: 1,
            column: 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_characters_and_lines_begin_after_a_newline() {
        let text = Text::new("f", "a\näö = 1\n".to_owned());
        for (offset, line, column) in [
            (0, 1, 1),
            (1, 1, 2),
            (2, 2, 1),
            (3, 2, 1), // within 'ä'
            (4, 2, 2),
            (7, 2, 4),
            (11, 3, 1),
            (99, 3, 1),
        ] {
            let place = text.place(offset);
            assert_eq!(
                (place.line, place.column),
                (line, column),
                "offset {offset}"
            );
        }
        assert_eq!(Text::new("f", String::new()).place(0).line, 1);
    }
}
