//! H.264 constrained baseline, one picture at a time, with no thread and no clock.

use openh264::OpenH264API;
use openh264::decoder::{Decoder, DecoderConfig};
use openh264::encoder::{
    BitRate, Complexity, Encoder, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, Level,
    Profile, RateControlMode, UsageType,
};
use openh264::formats::{YUVSlices, YUVSource};
use openh264_sys2::{
    ENCODER_OPTION, ENCODER_OPTION_BITRATE, ENCODER_OPTION_SVC_ENCODE_PARAM_EXT,
    ENCODER_OPTION_TRACE_LEVEL, SBitrateInfo, SEncParamExt, SPATIAL_LAYER_ALL, WELS_LOG_ERROR,
};
use vrs_media::picture::Picture;
use yuv::{
    BufferStoreMut, YuvConversionMode, YuvPlanarImage, YuvPlanarImageMut, YuvRange,
    YuvStandardMatrix, rgba_to_yuv420, yuv420_to_rgba,
};

use super::CodecError;

/// Largest side of a picture we take from the other end, in pixels.
const PICTURE_SIDE_MAX: usize = 4096;
/// Bit rate of our own picture until something is known of the path, in bits per second.
pub(crate) const BITRATE_BPS: u32 = vrs_media::congestion::RATE_START_BPS;
/// Every second picture is one that no other refers to.
const TEMPORAL_LAYERS: i32 = 2;
/// A key frame comes at least this often, in frames, for those who cannot ask (RFC 6184 peers without feedback).
const KEYFRAME_EVERY: u32 = 300;

/// A coded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CodedPicture {
    /// Annex B access unit, parameter sets included with each key frame.
    pub(crate) data: Vec<u8>,
    pub(crate) keyframe: bool,
}

/// RGBA in, access units out.
pub(crate) struct PictureEncoder {
    encoder: Encoder,
    planes: Planes,
    fps: u32,
    bps: u32,
    force_keyframe: bool,
    /// Whether the present encoder has coded a picture.
    warm: bool,
}

/// I420, reused from picture to picture.
#[derive(Default)]
struct Planes {
    width: usize,
    height: usize,
    y: Vec<u8>,
    u: Vec<u8>,
    v: Vec<u8>,
}

impl Planes {
    fn resize(&mut self, width: usize, height: usize) {
        if (self.width, self.height) != (width, height) {
            let chroma = (width / 2) * (height / 2);
            *self = Self {
                width,
                height,
                y: vec![0; width * height],
                u: vec![0; chroma],
                v: vec![0; chroma],
            };
        }
    }
}

impl PictureEncoder {
    /// `fps` steers the rate control only.
    pub(crate) fn new(fps: u32) -> Result<Self, CodecError> {
        let encoder = new_encoder(fps, BITRATE_BPS)?;
        Ok(Self {
            encoder,
            planes: Planes::default(),
            fps,
            bps: BITRATE_BPS,
            force_keyframe: false,
            warm: false,
        })
    }

    /// The next picture will be a key frame.
    pub(crate) fn force_keyframe(&mut self) {
        self.force_keyframe = true;
    }

    /// So many bits a second from the next picture on.
    pub(crate) fn set_bitrate(&mut self, bps: u32) {
        if bps == self.bps {
            return;
        }
        self.bps = bps;
        // Before its first picture the encoder is not set up and must not be told anything.
        if self.warm && !retune(&mut self.encoder, bps) {
            // The next size is coded by a new encoder; this one keeps its rate until then.
            tracing::warn!(bps, "the encoder keeps its bit rate");
        }
    }

    /// Codes one picture. `None` when the rate control skipped it.
    pub(crate) fn encode(&mut self, picture: &Picture) -> Result<Option<CodedPicture>, CodecError> {
        // 4:2:0 needs even sides: an odd last row or column is left out.
        let (width, height) = (picture.width as usize & !1, picture.height as usize & !1);
        let stride = picture.width * 4;
        if width < 16 || height < 16 || picture.rgba.len() < stride as usize * height {
            return Err(CodecError::PictureSize(picture.width, picture.height));
        }
        let resized = (self.planes.width, self.planes.height) != (width, height);
        if resized || !self.warm {
            // A new size is a new stream; a new encoder is simpler than a reconfigured one.
            self.encoder = new_encoder(self.fps, self.bps)?;
            self.warm = false;
        }
        self.planes.resize(width, height);
        to_i420(&mut self.planes, &picture.rgba, stride)?;
        let planes = &self.planes;
        let source = YUVSlices::new(
            (&planes.y, &planes.u, &planes.v),
            (width, height),
            (width, width / 2, width / 2),
        );
        let problem = |error: openh264::Error| CodecError::VideoEncoder(error.to_string());
        if !std::mem::replace(&mut self.warm, true) {
            // Before its first picture the encoder is not set up and must not be told anything: that
            // one is thrown away, and the next is a key frame, too.
            self.encoder.encode(&source).map_err(problem)?;
            if !make_discardable(&mut self.encoder) {
                tracing::warn!("every picture refers to the one before");
            }
            self.encoder.force_intra_frame();
        }
        if self.force_keyframe {
            self.encoder.force_intra_frame();
        }
        let coded = self.encoder.encode(&source).map_err(problem)?;
        let keyframe = matches!(coded.frame_type(), FrameType::IDR | FrameType::I);
        if keyframe {
            self.force_keyframe = false;
        }
        let data = coded.to_vec();
        Ok((!data.is_empty()).then_some(CodedPicture { data, keyframe }))
    }
}

/// Tells a running encoder its bit rate; false if it does not take it.
fn retune(encoder: &mut Encoder, bps: u32) -> bool {
    let mut rate = SBitrateInfo {
        iLayer: SPATIAL_LAYER_ALL,
        iBitrate: i32::try_from(bps).unwrap_or(i32::MAX),
    };
    set(encoder, ENCODER_OPTION_BITRATE, &mut rate)
}

/// Codes every second picture such that no other refers to it: whoever has too narrow a path can be
/// spared it (temporal layers). False if the encoder does not do it.
#[allow(
    unsafe_code,
    reason = "the safe interface has no options after the start"
)]
fn make_discardable(encoder: &mut Encoder) -> bool {
    let mut all = SEncParamExt::default();
    // SAFETY: the encoder lives and is set up; it writes the whole value during the call and keeps
    // nothing of it.
    let answer = unsafe {
        encoder.raw_api().get_option(
            ENCODER_OPTION_SVC_ENCODE_PARAM_EXT,
            std::ptr::from_mut(&mut all).cast(),
        )
    };
    all.iTemporalLayerNum = TEMPORAL_LAYERS;
    answer == 0 && set(encoder, ENCODER_OPTION_SVC_ENCODE_PARAM_EXT, &mut all)
}

/// Sets an option of the encoder to a value of the type that the option takes; false if it is not
/// taken.
#[allow(
    unsafe_code,
    reason = "the safe interface has no options after the start"
)]
fn set<T: OptionValue>(encoder: &mut Encoder, option: ENCODER_OPTION, value: &mut T) -> bool {
    // SAFETY: the encoder lives, refuses what it is not set up for, reads the value during the call
    // and keeps nothing of it.
    let answer = unsafe {
        encoder
            .raw_api()
            .set_option(option, std::ptr::from_mut(value).cast())
    };
    answer == 0
}

/// What the options that are set here take: `SBitrateInfo`, `SEncParamExt` and `int`.
trait OptionValue {}
impl OptionValue for SEncParamExt {}
impl OptionValue for SBitrateInfo {}
impl OptionValue for i32 {}

fn new_encoder(fps: u32, bps: u32) -> Result<Encoder, CodecError> {
    let config = EncoderConfig::new()
        .usage_type(UsageType::CameraVideoRealTime)
        .profile(Profile::Baseline)
        .level(Level::Level_3_1)
        .complexity(Complexity::Low)
        .bitrate(BitRate::from_bps(bps))
        .max_frame_rate(FrameRate::from_hz(fps as f32))
        .rate_control_mode(RateControlMode::Bitrate)
        // Signing needs every picture, a coarse one rather than none (domain list V3): after a
        // change of the rate the encoder would leave out half a second. It keeps to the rate by
        // coarseness alone, as long as the ladder makes pictures small enough.
        .skip_frames(false)
        .intra_frame_period(IntraFramePeriod::from_num_frames(KEYFRAME_EVERY))
        // A scene change would cost a key frame nobody asked for.
        .scene_change_detect(false)
        .num_threads(1);
    let mut encoder = Encoder::with_api_config(OpenH264API::from_source(), config)
        .map_err(|e| CodecError::VideoEncoder(e.to_string()))?;
    let mut level = WELS_LOG_ERROR;
    // It would write a warning about skipping to standard error for each encoder.
    if !set(&mut encoder, ENCODER_OPTION_TRACE_LEVEL, &mut level) {
        tracing::debug!("the encoder keeps its log level");
    }
    Ok(encoder)
}

fn to_i420(planes: &mut Planes, rgba: &[u8], stride: u32) -> Result<(), CodecError> {
    let (width, height) = (planes.width as u32, planes.height as u32);
    let mut image = YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(&mut planes.y),
        y_stride: width,
        u_plane: BufferStoreMut::Borrowed(&mut planes.u),
        u_stride: width / 2,
        v_plane: BufferStoreMut::Borrowed(&mut planes.v),
        v_stride: width / 2,
        width,
        height,
    };
    rgba_to_yuv420(
        &mut image,
        rgba,
        stride,
        YuvRange::Limited,
        YuvStandardMatrix::Bt601,
        YuvConversionMode::Balanced,
    )
    .map_err(|e| CodecError::VideoEncoder(e.to_string()))
}

/// Access units in, RGBA out.
pub(crate) struct PictureDecoder {
    decoder: Decoder,
}

/// A decoded picture, RGBA.
pub(crate) struct DecodedPicture {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) rgba: Vec<u8>,
}

impl PictureDecoder {
    pub(crate) fn new() -> Result<Self, CodecError> {
        // Without B pictures nothing is held back, so there is nothing to flush; flushing would only add an error path.
        let config = DecoderConfig::new().flush_after_decode(openh264::decoder::Flush::NoFlush);
        let decoder = Decoder::with_api_config(OpenH264API::from_source(), config);
        Ok(Self {
            decoder: decoder.map_err(|e| CodecError::VideoDecoder(e.to_string()))?,
        })
    }

    /// Decodes one access unit. `None` when it held no whole picture (parameter sets alone).
    pub(crate) fn decode(&mut self, unit: &[u8]) -> Result<Option<DecodedPicture>, CodecError> {
        let problem = |text: String| CodecError::VideoDecoder(text);
        let Some(yuv) = self
            .decoder
            .decode(unit)
            .map_err(|e| problem(e.to_string()))?
        else {
            return Ok(None);
        };
        let (width, height) = yuv.dimensions();
        if width == 0 || height == 0 || width > PICTURE_SIDE_MAX || height > PICTURE_SIDE_MAX {
            return Err(problem("the picture is too large".into()));
        }
        let (y_stride, u_stride, v_stride) = yuv.strides();
        let (width_px, height_px) = (width as u32, height as u32);
        let image = YuvPlanarImage {
            y_plane: yuv.y(),
            y_stride: y_stride as u32,
            u_plane: yuv.u(),
            u_stride: u_stride as u32,
            v_plane: yuv.v(),
            v_stride: v_stride as u32,
            width: width_px,
            height: height_px,
        };
        let mut rgba = vec![0; width * height * 4];
        yuv420_to_rgba(
            &image,
            &mut rgba,
            width_px * 4,
            YuvRange::Limited,
            YuvStandardMatrix::Bt601,
        )
        .map_err(|e| problem(e.to_string()))?;
        Ok(Some(DecodedPicture {
            width: width_px,
            height: height_px,
            rgba,
        }))
    }
}

/// A grey picture: what is sent while the camera is off (RFC 6263: something must keep flowing).
pub(crate) fn blank(width: u32, height: u32) -> Picture {
    let mut rgba = vec![96; width as usize * height as usize * 4];
    for alpha in rgba.iter_mut().skip(3).step_by(4) {
        *alpha = 255;
    }
    Picture {
        width,
        height,
        rgba,
        counter: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Look, Painter, strip};
    use crate::codec::ladder::{Ladder, bitrate};
    use crate::codec::scale::Scaler;
    use crate::engine::VideoSize;

    #[allow(
        clippy::disallowed_methods,
        reason = "an Instant can be had in no other way"
    )]
    fn some_instant() -> std::time::Instant {
        std::time::Instant::now()
    }

    fn painted(painter: &Painter, counter: u32) -> Picture {
        let rgba = painter.paint(counter as f32 / 30.0, counter, u64::from(counter) * 33);
        Picture {
            width: 640,
            height: 480,
            rgba,
            counter: u64::from(counter),
        }
    }

    #[test]
    fn the_strip_survives_a_real_encoder_and_decoder() {
        let painter = Painter::new(Look::INTERPRETER, 640, 480);
        let mut encoder = PictureEncoder::new(30).unwrap();
        let mut decoder = PictureDecoder::new().unwrap();
        let (mut sent, mut bytes) = (0, 0);
        for counter in 1..=45 {
            let Some(coded) = encoder.encode(&painted(&painter, counter)).unwrap() else {
                continue;
            };
            sent += 1;
            bytes += coded.data.len();
            let seen = decoder.decode(&coded.data).unwrap().unwrap();
            let expected = strip::Stamp::new(counter, u64::from(counter) * 33);
            assert_eq!(
                strip::read(&seen.rgba, seen.width as usize, seen.height as usize),
                Some(expected)
            );
        }
        assert!(sent >= 40, "{sent} of 45 were sent");
        assert!(bytes * 8 < 2_500_000, "{bytes} bytes in 1.5 s");
    }

    #[test]
    fn key_frames_come_first_and_when_asked() {
        let painter = Painter::new(Look::CALLER, 640, 480);
        let mut encoder = PictureEncoder::new(30).unwrap();
        let mut keyframes = Vec::new();
        for counter in 1..=12 {
            if counter == 8 {
                encoder.force_keyframe();
            }
            if let Some(coded) = encoder.encode(&painted(&painter, counter)).unwrap()
                && coded.keyframe
            {
                // Sequence parameter set with profile_idc 66 (baseline) and constraint_set1 (constrained).
                let sps = coded
                    .data
                    .windows(5)
                    .position(|w| w[..4] == [0, 0, 0, 1] && w[4] & 0x1F == 7)
                    .unwrap()
                    + 5;
                assert_eq!(coded.data[sps], 66);
                assert_eq!(coded.data[sps + 1] & 0x40, 0x40);
                keyframes.push(counter);
            }
        }
        assert_eq!(keyframes, [1, 8]);
    }

    #[test]
    fn v3_at_the_rates_of_the_ladder_hardly_a_picture_is_left_out() {
        let painter = Painter::new(Look::INTERPRETER, 640, 480);
        let mut scaler = Scaler::default();
        for fps in [30, 15] {
            let full = VideoSize {
                width: 640,
                height: 480,
                fps,
            };
            // A little more than each size needs.
            for bps in [470_000, 265_000, 120_000].map(|bps: u32| bps * fps / 30) {
                let size = Ladder::new(full).choose(some_instant(), bps);
                let mut encoder = PictureEncoder::new(size.fps).unwrap();
                encoder.set_bitrate(bitrate(size, bps));
                let (mut bytes, mut pause, mut longest) = (0, 0, 0);
                for counter in 1..=150 {
                    if counter % 50 == 0 {
                        encoder.force_keyframe();
                    }
                    let picture = painted(&painter, counter * 30 / fps);
                    let picture = scaler.fit(&picture, size).unwrap_or(&picture);
                    let coded = encoder.encode(picture).unwrap();
                    pause = if coded.is_some() { 0 } else { pause + 1 };
                    longest = longest.max(pause);
                    bytes += coded.map_or(0, |coded| coded.data.len());
                }
                println!(
                    "{size:?} {bps} longest {longest} {} bps",
                    bytes as u32 * 8 * fps / 150
                );
                assert!(
                    longest <= 2,
                    "{longest} pictures in a row at {bps} bit/s, {size:?}"
                );
                let used = bytes as u32 * 8 * fps / 150;
                assert!(used < bps * 3 / 2, "{used} of {bps} bit/s");
            }
        }
    }

    /// Whether no other picture refers to this one, as a relay sees it.
    fn is_discardable(unit: &[u8]) -> bool {
        let payloads = vrs_media::h264::packetise(unit, 1_000);
        let mut payloads = payloads.iter();
        payloads.all(|payload| vrs_media::h264::payload_is_discardable(payload))
    }

    #[test]
    fn v3_every_second_picture_can_be_left_out_and_the_others_are_decoded() {
        let painter = Painter::new(Look::INTERPRETER, 640, 480);
        let mut encoder = PictureEncoder::new(30).unwrap();
        let mut decoder = PictureDecoder::new().unwrap();
        let (mut shown, mut left_out) = (0, 0);
        for counter in 1..=60 {
            let Some(coded) = encoder.encode(&painted(&painter, counter)).unwrap() else {
                continue;
            };
            if is_discardable(&coded.data) {
                left_out += 1;
                continue;
            }
            let seen = decoder.decode(&coded.data).unwrap().unwrap();
            let expected = strip::Stamp::new(counter, u64::from(counter) * 33);
            assert_eq!(
                strip::read(&seen.rgba, seen.width as usize, seen.height as usize),
                Some(expected)
            );
            shown += 1;
        }
        assert!(left_out >= 25, "{left_out} of 60 can be left out");
        assert!(shown >= 25, "{shown}");
    }

    #[test]
    fn a_new_size_starts_with_a_key_frame() {
        let mut encoder = PictureEncoder::new(30).unwrap();
        assert!(encoder.encode(&blank(320, 240)).unwrap().unwrap().keyframe);
        assert!(encoder.encode(&blank(641, 361)).unwrap().unwrap().keyframe);
        assert!(encoder.encode(&blank(8, 8)).is_err());
    }

    #[test]
    fn rubbish_is_an_error_or_nothing_never_a_panic() {
        let mut decoder = PictureDecoder::new().unwrap();
        for unit in [
            &b""[..],
            b"\0\0\0\x01\x65garbage",
            b"\0\0\0\x01",
            &[0xFF; 200],
        ] {
            assert!(!matches!(decoder.decode(unit), Ok(Some(_))));
        }
    }

    /// Bits of a parameter set or slice header: fixed ones, and Exp-Golomb codes (H.264 clause 9.1).
    #[derive(Default)]
    struct Bits(Vec<bool>);

    impl Bits {
        fn fixed(mut self, value: u32, bits: u32) -> Self {
            self.0
                .extend((0..bits).rev().map(|bit| value >> bit & 1 == 1));
            self
        }

        fn codes(mut self, values: &[u32]) -> Self {
            for value in values {
                let bits = u32::BITS - (value + 1).leading_zeros();
                self = self.fixed(value + 1, 2 * bits - 1);
            }
            self
        }

        /// A NAL unit with its start code.
        fn unit(self, header: u8) -> Vec<u8> {
            let mut unit = vec![0, 0, 0, 1, header];
            for byte in self.fixed(1, 1).0.chunks(8) {
                let bit = |at: usize| u8::from(byte.get(at) == Some(&true));
                unit.push((0..8).fold(0, |sum, at| sum << 1 | bit(at)));
            }
            unit
        }
    }

    /// What the system was asked for at most, in bytes (`VmPeak`, proc(5)).
    fn memory_peak() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
        let mut lines = status
            .lines()
            .filter_map(|line| line.strip_prefix("VmPeak:"));
        let kibibytes = lines
            .next()
            .and_then(|line| line.trim().strip_suffix(" kB"));
        1_024
            * kibibytes
                .expect("in kB")
                .trim()
                .parse::<u64>()
                .expect("a number")
    }

    /// The parameter sets and the first slice of a picture of so many macroblocks each way, of
    /// constrained baseline at level 5.2. The slice ends where its macroblocks would begin.
    fn beginning_of_a_picture(macroblocks: u32) -> Vec<u8> {
        let sequence = Bits::default().fixed(0x42_e0_34, 24).codes(&[0, 0, 2, 1]);
        let sequence = sequence.fixed(0, 1).codes(&[macroblocks - 1; 2]);
        let picture = Bits::default().codes(&[0, 0]).fixed(0, 2).codes(&[0, 0, 0]);
        let picture = picture.fixed(0, 3).codes(&[0, 0, 0]).fixed(0, 3);
        let slice = Bits::default().codes(&[0, 7, 0]).fixed(0, 4).codes(&[0]);
        let sequence = sequence.fixed(0b1100, 4).unit(0x67);
        let slice = slice.fixed(0, 2).codes(&[0]).unit(0x65);
        [sequence, picture.unit(0x68), slice].concat()
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a43_a_picture_of_16368_squared_is_refused_before_memory_is_taken_for_it() {
        let why = |macroblocks| {
            let refused = PictureDecoder::new()
                .unwrap()
                .decode(&beginning_of_a_picture(macroblocks));
            refused.map(|_| ()).unwrap_err().to_string()
        };
        // Nothing is wrong with the sets of a usual size: it fails at the slice.
        let at_the_slice = why(20);
        let before = memory_peak();
        let at_its_size = why(1_023);
        let taken = memory_peak() - before;
        assert_ne!(at_its_size, at_the_slice);
        assert!(taken < 64 << 20, "{taken} bytes");
    }
}
