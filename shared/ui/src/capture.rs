//! Pictures of the app's own window, and report files.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use egui::{ColorImage, Context};

/// Why a picture or a report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file cannot be written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The picture cannot be encoded.
    #[error("the picture cannot be written as PNG: {0}")]
    Encoding(#[from] png::EncodingError),
}

fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> CaptureError + '_ {
    |source| CaptureError::File {
        path: path.display().to_string(),
        source,
    }
}

/// Takes a picture of the window; it comes a few frames after it was asked for.
#[derive(Debug, Clone, Default)]
pub struct Shutter(Arc<Mutex<Option<Arc<ColorImage>>>>);

impl Shutter {
    /// Asks for a picture.
    pub fn press(&self, ctx: &Context) {
        let film = Arc::clone(&self.0);
        let wake = ctx.clone();
        ctx.request_screenshot(move |image| {
            *film.lock().unwrap_or_else(PoisonError::into_inner) = Some(image);
            wake.request_repaint();
        });
    }

    /// The picture, once it has come.
    #[must_use]
    pub fn take(&self) -> Option<Arc<ColorImage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Writes a picture as PNG.
///
/// # Errors
/// [`CaptureError`] when the file cannot be written.
pub fn write_png(path: &Path, image: &ColorImage) -> Result<(), CaptureError> {
    let file = File::create(path).map_err(file_error(path))?;
    let size = image
        .size
        .map(|side| u32::try_from(side).unwrap_or(u32::MAX));
    let mut encoder = png::Encoder::new(BufWriter::new(file), size[0], size[1]);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let rgb: Vec<u8> = image
        .pixels
        .iter()
        .flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b()])
        .collect();
    encoder.write_header()?.write_image_data(&rgb)?;
    Ok(())
}

/// Writes a report as JSON.
///
/// # Errors
/// [`CaptureError`] when the file cannot be written.
pub fn write_json(path: &Path, report: &serde_json::Value) -> Result<(), CaptureError> {
    let text = format!("{report:#}\n");
    std::fs::write(path, text).map_err(file_error(path))
}
