//! The waterfall as a picture.

use fathom_record::Layer;

use crate::style::{Line, Paint, wrap};

/// Columns of the terminal in the picture.
pub(super) const COLUMNS: usize = 110;
/// Size of a character cell, and of the text in it, in pixels.
const CELL_WIDTH: f64 = 8.4;
const CELL_HEIGHT: f64 = 20.0;
const FONT_SIZE: f64 = 14.0;
const MARGIN: f64 = 20.0;
const TITLE_BAR: f64 = 36.0;

const BACKGROUND: &str = "#0d1117";
const FOREGROUND: &str = "#e6edf3";

/// A terminal window: the command, its output, the waterfall.
pub(super) fn picture(command: &str, output: &str, waterfall: &[Line]) -> String {
    let mut lines: Vec<Line> = wrap(command, COLUMNS - 2)
        .into_iter()
        .enumerate()
        .map(|(place, text)| {
            let prompt = if place == 0 { "$ " } else { "  " };
            Line(vec![(Paint::Dim, prompt.into()), (Paint::Bold, text)])
        })
        .collect();
    for text in output.lines().flat_map(|text| wrap(text, COLUMNS)) {
        lines.push(Line(vec![(Paint::Plain, text)]));
    }
    if !output.is_empty() {
        lines.push(Line::default());
    }
    lines.extend(waterfall.iter().cloned());
    let width = 2.0 * MARGIN + COLUMNS as f64 * CELL_WIDTH;
    let height = TITLE_BAR + MARGIN + lines.len() as f64 * CELL_HEIGHT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"{}\">\n",
        escape(command)
    );
    svg += &format!("<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n");
    for (place, colour) in ["#ff5f57", "#febc2e", "#28c840"].into_iter().enumerate() {
        let x = MARGIN + place as f64 * 20.0;
        svg += &format!("<circle cx=\"{x:.0}\" cy=\"18\" r=\"6\" fill=\"{colour}\"/>\n");
    }
    svg += &format!(
        "<g font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\" \
         font-size=\"{FONT_SIZE}\" xml:space=\"preserve\">\n"
    );
    for (row, line) in lines.iter().enumerate() {
        let top = TITLE_BAR + row as f64 * CELL_HEIGHT;
        let mut column = 0;
        for (paint, text) in &line.0 {
            run(&mut svg, column, top, *paint, text);
            column += text.chars().count();
        }
    }
    svg += "</g>\n</svg>\n";
    svg
}

/// One piece of a line. Bars are drawn as rectangles: fonts leave gaps between block characters.
fn run(svg: &mut String, column: usize, top: f64, paint: Paint, text: &str) {
    let count = text.chars().count();
    let x = MARGIN + column as f64 * CELL_WIDTH;
    let width = count as f64 * CELL_WIDTH;
    let colour = colour(paint);
    let bar =
        text.chars().next().filter(|first| "▇░▏┄".contains(*first) && text.chars().all(|c| c == *first));
    if let Some(kind) = bar {
        let (width, height, opacity) = match kind {
            '▏' => (2.0, 13.0, 1.0),
            '░' => (width, 13.0, 0.45),
            '┄' => (width, 2.0, 0.7),
            _ => (width, 13.0, 1.0),
        };
        let y = top + (CELL_HEIGHT - height) / 2.0;
        *svg += &format!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{colour}\" \
             opacity=\"{opacity}\"/>\n"
        );
        return;
    }
    // Spaces at either end only move the text.
    let start = text.chars().take_while(|c| *c == ' ').count();
    let text = text.trim();
    if text.is_empty() {
        return;
    }
    let x = x + start as f64 * CELL_WIDTH;
    let width = text.chars().count() as f64 * CELL_WIDTH;
    let weight = if matches!(paint, Paint::Bold | Paint::Bad) { " font-weight=\"bold\"" } else { "" };
    let y = top + 15.0;
    *svg += &format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{width:.1}\" fill=\"{colour}\"{weight}>{}</text>\n",
        escape(text)
    );
}

/// Colours that are told apart by most people on a dark background (after Okabe and Ito).
fn colour(paint: Paint) -> &'static str {
    match paint {
        Paint::Plain | Paint::Bold => FOREGROUND,
        Paint::Dim => "#8b949e",
        Paint::Layer(Layer::Link) => "#e69f00",
        Paint::Layer(Layer::Internet) => "#56b4e9",
        Paint::Layer(Layer::Transport) => "#2bbf8e",
        Paint::Layer(Layer::Application) => "#cc79a7",
        Paint::Bad => "#ff6b5e",
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            // XML has no way to write them.
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
