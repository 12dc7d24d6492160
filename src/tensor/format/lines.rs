//! Words in nested brackets: rows wrapped at the line width, planes set apart by blank lines.

use super::pick::Axis;

const SEPARATOR: &str = ", ";
const ELLIPSIS: &str = "...";

/// The words, in C order, in the brackets of an array that shows `axes`.
pub fn arrange(axes: &[Axis], words: Vec<String>, line_width: u32) -> String {
    let mut page = Page { text: String::new(), words: words.into_iter(), line_width: line_width as usize };
    page.write(axes, 0);
    page.text
}

struct Page {
    text: String,
    words: std::vec::IntoIter<String>,
    line_width: usize,
}

impl Page {
    /// Writes an array inside `depth` others. Its opening bracket follows as many spaces or brackets.
    fn write(&mut self, axes: &[Axis], depth: usize) {
        match axes {
            [] => self.text.extend(self.words.next()),
            [axis] => self.write_row(*axis, depth),
            [axis, inner @ ..] => self.write_planes(*axis, inner, depth),
        }
    }

    fn write_planes(&mut self, axis: Axis, inner: &[Axis], depth: usize) {
        let between = format!(",{}{}", "\n".repeat(inner.len()), " ".repeat(depth + 1));
        self.text.push('[');
        for (i, index) in axis.indices().enumerate() {
            if i > 0 {
                self.text += &between;
            }
            if axis.resumes_at() == Some(index) {
                self.text += ELLIPSIS;
                self.text += &between;
            }
            self.write(inner, depth + 1);
        }
        self.text.push(']');
    }

    fn write_row(&mut self, axis: Axis, depth: usize) {
        let indent = depth + 1;
        // Room for the brackets that may close behind the last word, one a level, or for a comma.
        let width = self.line_width.saturating_sub(indent);
        let mut column = indent;
        self.text.push('[');
        for (i, index) in axis.indices().enumerate() {
            let ellipsis = (axis.resumes_at() == Some(index)).then(|| ELLIPSIS.to_owned());
            for (j, word) in ellipsis.into_iter().chain(self.words.next()).enumerate() {
                if i + j > 0 {
                    self.text += SEPARATOR;
                    column += SEPARATOR.len();
                }
                let length = word.chars().count();
                if column > indent && column + length > width {
                    self.text.truncate(self.text.trim_end().len());
                    self.text.push('\n');
                    self.text += &" ".repeat(indent);
                    column = indent;
                }
                self.text += &word;
                column += length;
            }
        }
        self.text.push(']');
    }
}
