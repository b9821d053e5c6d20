//! The system's cameras, through nokhwa (Video4Linux, AVFoundation, Media Foundation).

use nokhwa::Camera;
use nokhwa::pixel_format::RgbAFormat;
use nokhwa::utils::{
    ApiBackend, CameraFormat, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType,
    Resolution,
};

use super::camera::{CameraProblem, CameraSource, Frame};
use crate::engine::VideoSize;

/// An open camera with a running stream.
pub(super) struct NativeCamera {
    camera: Camera,
}

fn device_problem(error: nokhwa::NokhwaError) -> CameraProblem {
    CameraProblem::Device(error.to_string())
}

impl NativeCamera {
    /// Opens the camera whose name is or contains `name`, or the first one, at the format closest to `size`.
    pub(super) fn open(name: Option<&str>, size: VideoSize) -> Result<Self, CameraProblem> {
        let found = nokhwa::query(ApiBackend::Auto).map_err(|_| CameraProblem::NotFound)?;
        let chosen = found
            .iter()
            .find(|info| name.is_none_or(|name| info.human_name().contains(name)));
        let index = chosen
            .map(|info| info.index().clone())
            .ok_or(CameraProblem::NotFound)?;
        let mut camera = open_at(&index, size)?;
        camera.open_stream().map_err(device_problem)?;
        Ok(Self { camera })
    }
}

/// Cameras differ in the formats they decode to at the wanted size, so the usual ones are tried in
/// turn, cheapest to decode first, and then whatever the camera likes best.
fn open_at(index: &CameraIndex, size: VideoSize) -> Result<Camera, CameraProblem> {
    let resolution = Resolution::new(size.width, size.height);
    let closest =
        |format| RequestedFormatType::Closest(CameraFormat::new(resolution, format, size.fps));
    let wishes = [
        closest(FrameFormat::NV12),
        closest(FrameFormat::YUYV),
        closest(FrameFormat::MJPEG),
        RequestedFormatType::AbsoluteHighestFrameRate,
    ];
    let mut problem = CameraProblem::NotFound;
    for wish in wishes {
        match Camera::new(index.clone(), RequestedFormat::new::<RgbAFormat>(wish)) {
            Ok(camera) => return Ok(camera),
            Err(error) => problem = device_problem(error),
        }
    }
    Err(problem)
}

impl CameraSource for NativeCamera {
    fn next_frame(&mut self) -> Result<Frame, CameraProblem> {
        let buffer = self.camera.frame().map_err(device_problem)?;
        let picture = buffer
            .decode_image::<RgbAFormat>()
            .map_err(device_problem)?;
        let (width, height) = picture.dimensions();
        Ok(Frame {
            width,
            height,
            rgba: picture.into_raw(),
        })
    }
}

/// Names of the cameras there are, as the system gives them, sorted. May take a second.
#[must_use]
pub fn names() -> Vec<String> {
    let found = nokhwa::query(ApiBackend::Auto).unwrap_or_default();
    let mut names: Vec<_> = found
        .iter()
        .map(nokhwa::utils::CameraInfo::human_name)
        .collect();
    names.sort();
    names
}
