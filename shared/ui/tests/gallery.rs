//! Every widget and shared screen, as pictures and by its accessible name.

use std::time::{Duration, Instant};

use egui::accesskit::{Role, Toggled};
use egui_kittest::kittest::{NodeT, Queryable};
use egui_kittest::{Harness, SnapshotResults};
use vrs_media::Written;
use vrs_media::picture::{Picture, Slot};
use vrs_ui::conversation::Conversation;
use vrs_ui::screens::{
    Choices, DeviceNames, Form as SignInForm, Problem, SignInView, settings_page, sign_in_page,
};
use vrs_ui::situation::Seat;
use vrs_ui::theme::{install_fonts, install_look, size};
use vrs_ui::widgets::*;
use vrs_ui::{Kit, Language, Strings, Theme, glyph};

#[allow(clippy::disallowed_methods)] // an Instant can be had in no other way
fn kit(theme: Theme, language: Language) -> Kit {
    let start = Instant::now();
    Kit::new(theme, Strings::new(language), true, start, start)
}

/// Compares the window with its picture; graphics cards round differently, which nobody sees.
fn snap(harness: &mut Harness<'_>, name: String) -> egui_kittest::SnapshotResult {
    let options = egui_kittest::SnapshotOptions::new()
        .threshold(1.0)
        .max_failed_pixels(24);
    harness.try_snapshot_options(name, &options)
}

/// A soft slope of grey with a border, 4:3, so that cuts and stretches show.
fn test_card() -> Picture {
    let (width, height) = (160_u32, 120_u32);
    let shade = |x: u32, y: u32| {
        let edge = x < 4 || y < 4 || x >= width - 4 || y >= height - 4;
        if edge {
            230
        } else {
            (70 + x / 2 + y / 3) as u8
        }
    };
    let rgba = (0..height)
        .flat_map(|y| (0..width).flat_map(move |x| [shade(x, y), shade(x, y), shade(x, y), 255]));
    Picture {
        width,
        height,
        rgba: rgba.collect(),
        counter: 1,
    }
}

fn harness<'a>(
    (width, height): (f32, f32),
    theme: Theme,
    percent: u16,
    ui: impl FnMut(&mut egui::Ui) + 'a,
) -> Harness<'a> {
    // The window stays as large as it is; larger text leaves fewer points of it.
    let scale = f32::from(percent) / 100.0;
    Harness::builder()
        .with_size(egui::vec2(width / scale, height / scale))
        .with_context_setup(move |ctx| {
            install_fonts(ctx);
            install_look(ctx, theme, percent, true);
        })
        .with_max_steps(12)
        .with_render_cursor(false)
        .build_ui(ui)
}

fn gallery(ui: &mut egui::Ui, kit: &Kit, view: &mut VideoView, slot: &Slot<Picture>) {
    view.update(ui.ctx(), slot);
    let palette = kit.palette;
    egui::CentralPanel::default()
        .frame(egui::Frame::new().fill(palette.bg).inner_margin(24.0))
        .show(ui, |ui| {
            ui.columns(3, |columns| {
                let ui = &mut columns[0];
                words::strong(ui, "Titles are 28", size::TITLE, palette.ink);
                words::plain(
                    ui,
                    "Body text is 16, quiet text below is for facts.",
                    size::BODY,
                    palette.ink,
                );
                words::plain(ui, "0123456789 +1 555 010 0199", size::META, palette.ink_2);
                Button::new("Call")
                    .icon(glyph::PHONE)
                    .key("Enter")
                    .kind(Kind::Call)
                    .main()
                    .fill()
                    .show(ui, kit);
                Button::new("Sign in")
                    .kind(Kind::Primary)
                    .main()
                    .fill()
                    .show(ui, kit);
                Button::new("End")
                    .icon(glyph::PHONE_X)
                    .key("Esc Esc")
                    .kind(Kind::Danger)
                    .main()
                    .fill()
                    .show(ui, kit);
                ui.horizontal(|ui| {
                    Button::new("Secondary").icon(glyph::GEAR_SIX).show(ui, kit);
                    Button::new("Plain").kind(Kind::Plain).show(ui, kit);
                    Button::new("Disabled")
                        .enabled(false)
                        .show(ui, kit)
                        .request_focus();
                });
                ui.horizontal(|ui| {
                    Button::new("Mute")
                        .icon(glyph::MICROPHONE)
                        .key("M")
                        .under()
                        .pressed(false)
                        .show(ui, kit);
                    Button::new("Muted")
                        .icon(glyph::MICROPHONE_SLASH)
                        .key("N")
                        .under()
                        .pressed(true)
                        .show(ui, kit);
                });
                let mut text = "+1 555".to_owned();
                Field::new("A field").show(ui, kit, &mut text);
                let ui = &mut columns[1];
                dial_pad(ui, kit, 56.0);
                choice(
                    ui,
                    kit,
                    "A choice",
                    &["One".into(), "Two".into(), "Three".into()],
                    1,
                );
                ui.horizontal(|ui| {
                    switch(ui, kit, "On", true, 44.0);
                    switch(ui, kit, "Off", false, 44.0);
                });
                level_meter(ui, kit, "Them", -3.0);
                level_meter(ui, kit, "Me", -40.0);
                let whole = Duration::from_secs(20);
                ui.horizontal(|ui| {
                    countdown_ring(
                        ui,
                        kit,
                        "Seconds left",
                        Duration::from_millis(13_400),
                        whole,
                        120.0,
                    );
                    let answer = Button::new("Answer")
                        .icon(glyph::PHONE)
                        .kind(Kind::Call)
                        .outline(Outline::Round);
                    answer.icon_only().exact(96.0, 96.0).show(ui, kit);
                    let decline = Button::new("Decline")
                        .icon(glyph::X)
                        .kind(Kind::Danger)
                        .outline(Outline::Square);
                    decline.icon_only().exact(96.0, 96.0).show(ui, kit);
                });
                let ui = &mut columns[2];
                let (rect, _) = ui.allocate_exact_size(
                    egui::vec2(ui.available_width(), 220.0),
                    egui::Sense::hover(),
                );
                let empty = Placeholder {
                    icon: glyph::VIDEO_CAMERA,
                    words: "Nothing yet",
                };
                let look = Look {
                    name: "A person",
                    fit: Fit::Contain,
                    mirrored: false,
                    radius: size::RADIUS_CARD,
                    empty,
                };
                let place = view.show(ui, kit, rect, &look);
                name_tag(ui, kit, place, "You");
                let mut conversation = Conversation::default();
                conversation.receive(&"Hello, how can I help you?\n".into());
                conversation.retype("I would like to make an appointment.");
                conversation.finish_line();
                conversation.receive(&"For which da".into());
                let dark = kit.on_stage();
                egui::Frame::new()
                    .fill(dark.palette.bg)
                    .inner_margin(12.0)
                    .show(ui, |ui| {
                        ui.set_height(280.0);
                        text_pane(ui, &dark, &conversation, "Interpreter");
                    });
            });
        });
    flash_border(ui, kit);
}

fn strips(ui: &mut egui::Ui, kit: &Kit) {
    egui::CentralPanel::default()
        .frame(egui::Frame::new().fill(kit.palette.bg))
        .show(ui, |ui| {
            let forms = [
                (Form::Idle, glyph::CHECK, "Ready. You can call."),
                (
                    Form::Waiting,
                    glyph::HOURGLASS_MEDIUM,
                    "Waiting for an interpreter. You are next.",
                ),
                (
                    Form::Working,
                    glyph::BELL_RINGING,
                    "Interpreter 1234 is calling +1 555 010 0199. Ringing (3).",
                ),
                (
                    Form::Live,
                    glyph::PHONE_CALL,
                    "You are talking with +1 555 010 0199.",
                ),
                (
                    Form::Over,
                    glyph::PHONE_DISCONNECT,
                    "The other person hung up.",
                ),
                (
                    Form::Problem,
                    glyph::WIFI_SLASH,
                    "No connection. Trying again in 5 seconds.",
                ),
            ];
            for (form, icon, sentence) in forms {
                let mut strip = Strip::new(form, icon, sentence.to_owned());
                if form == Form::Over {
                    strip.action = Some(("Call again".to_owned(), "Enter"));
                } else {
                    strip
                        .facts
                        .push(Fact::clock("Session".into(), "12:40".into()));
                    strip
                        .facts
                        .push(Fact::clock("Conversation".into(), "1:02:05".into()));
                }
                state_strip(ui, kit, &strip);
            }
            ui.add_space(24.0);
            let station = |icon, name: &str, reach| Station {
                icon,
                name: name.to_owned(),
                reach,
            };
            journey(
                ui,
                kit,
                "The way",
                &[
                    station(glyph::USER, "You", Reach::There),
                    station(glyph::HANDS_CLAPPING, "Interpreter 1234", Reach::Now),
                    station(glyph::PHONE, "+1 555 010 0199", Reach::Ahead),
                ],
            );
            ui.add_space(24.0);
            journey(
                ui,
                kit,
                "The other way",
                &[
                    station(glyph::USER, "You", Reach::There),
                    station(glyph::HANDS_CLAPPING, "Interpreter", Reach::There),
                    station(glyph::PHONE, "+1 555 010 0199", Reach::Failed),
                ],
            );
        });
}

#[test]
fn the_widgets_look_as_they_should_in_every_theme() {
    let mut results = SnapshotResults::new();
    let slot = Slot::new();
    slot.put(test_card());
    for theme in Theme::ALL {
        let kit = kit(theme, Language::English);
        let mut view = VideoView::new("person");
        let mut harness = harness((1180.0, 700.0), theme, 100, |ui| {
            gallery(ui, &kit, &mut view, &slot)
        });
        harness.run();
        results.add(snap(&mut harness, format!("widgets_{}", theme.word())));
        let mut harness = self::harness((1180.0, 640.0), theme, 100, |ui| strips(ui, &kit));
        harness.run();
        results.add(snap(&mut harness, format!("strips_{}", theme.word())));
    }
}

fn sign_in(seat: Seat, form: &SignInForm, problem: Option<&Problem>, kit: &Kit, ui: &mut egui::Ui) {
    sign_in_page(
        ui,
        kit,
        &SignInView {
            seat,
            form,
            busy: false,
            problem,
        },
    );
}

#[test]
fn signing_in_looks_as_it_should() {
    let mut results = SnapshotResults::new();
    let form = SignInForm {
        server: "relay.example.org".into(),
        account: "+1 555 010 0001".into(),
        password: vrs_domain::Sensitive::new("correct horse".into()),
        remember: true,
    };
    let problem = Problem::Unreachable("connection refused".into());
    let empty = SignInForm::default();
    let cases = [
        (
            "light",
            Theme::Light,
            Language::English,
            100,
            Seat::Caller,
            &empty,
            None,
        ),
        (
            "problem_dark_es",
            Theme::Dark,
            Language::Spanish,
            100,
            Seat::Interpreter,
            &form,
            Some(&problem),
        ),
        (
            "contrast_200",
            Theme::Contrast,
            Language::English,
            200,
            Seat::Caller,
            &form,
            None,
        ),
    ];
    for (name, theme, language, percent, seat, form, problem) in cases {
        let kit = kit(theme, language);
        let mut harness = harness((1280.0, 800.0), theme, percent, |ui| {
            sign_in(seat, form, problem, &kit, ui)
        });
        harness.run();
        results.add(snap(&mut harness, format!("sign_in_{name}")));
    }
}

#[test]
fn settings_look_as_they_should() {
    let mut results = SnapshotResults::new();
    let cases = [
        ("light", Theme::Light, Language::English, 100),
        ("dark_es_200", Theme::Dark, Language::Spanish, 200),
    ];
    for (name, theme, language, percent) in cases {
        let kit = kit(theme, language);
        let choices = Choices {
            theme,
            language,
            text_percent: percent,
            ..Choices::default()
        };
        let mut harness = harness((1280.0, 800.0), theme, percent, |ui| {
            egui::CentralPanel::default()
                .frame(egui::Frame::new().fill(kit.palette.bg))
                .show(ui, |ui| {
                    settings_page(
                        ui,
                        &kit,
                        &choices,
                        &DeviceNames::default(),
                        Some("+1 555 010 0001"),
                        None,
                    );
                });
        });
        harness.run();
        results.add(snap(&mut harness, format!("settings_{name}")));
    }
}

#[test]
fn u18_widgets_tell_a_screen_reader_what_they_are() {
    let kit = kit(Theme::Light, Language::English);
    let (mut view, slot) = (VideoView::new("person"), Slot::new());
    slot.put(test_card());
    let mut harness = harness((1180.0, 700.0), Theme::Light, 100, |ui| {
        gallery(ui, &kit, &mut view, &slot)
    });
    harness.run();
    let role = |label: &str| harness.get_by_label(label).accesskit_node().role();
    assert_eq!(role("Call"), Role::Button);
    assert_eq!(role("Star"), Role::Button);
    assert_eq!(role("Two"), Role::RadioButton);
    assert_eq!(role("On"), Role::Switch);
    assert_eq!(role("A person"), Role::Image);
    assert_eq!(role("Them"), Role::Meter);
    let toggled = |label: &str| harness.get_by_label(label).accesskit_node().toggled();
    assert_eq!(toggled("Muted"), Some(Toggled::True));
    assert_eq!(toggled("Mute"), Some(Toggled::False));
    assert_eq!(toggled("Off"), Some(Toggled::False));
}

#[test]
fn r39_u6_each_line_of_text_says_who_wrote_it_in_the_users_language() {
    let mut conversation = Conversation::default();
    for (source, name, text) in [
        (1, "Interpreter", "One moment, I"),
        (2, "Interpreter 2", "Hello"),
        (1, "", "\u{8}we change"),
        (3, "Eve", "Hi all"),
    ] {
        conversation.receive(&Written {
            source: Some(source),
            name: name.into(),
            text: text.into(),
        });
    }
    conversation.receive(&"from the server".into());
    for (language, lines) in [
        (
            Language::English,
            [
                "Interpreter: One moment, we change",
                "Interpreter 2: Hello",
                "Eve: Hi all",
                "The other person: from the server",
            ],
        ),
        (
            Language::Spanish,
            [
                "Intérprete: One moment, we change",
                "Intérprete 2: Hello",
                "Eve: Hi all",
                "La otra persona: from the server",
            ],
        ),
    ] {
        let kit = kit(Theme::Light, language);
        let peer = kit.t("text-other");
        let mut harness = harness((400.0, 500.0), Theme::Light, 100, |ui| {
            text_pane(ui, &kit, &conversation, &peer);
        });
        harness.run();
        for line in lines {
            assert_eq!(
                harness.get_by_label(line).accesskit_node().role(),
                Role::Label
            );
        }
    }
}

#[test]
fn everything_to_press_is_large_enough() {
    let kit = kit(Theme::Light, Language::English);
    let (mut view, slot) = (VideoView::new("person"), Slot::new());
    let mut harness = harness((1180.0, 700.0), Theme::Light, 100, |ui| {
        gallery(ui, &kit, &mut view, &slot)
    });
    harness.run();
    let roles = [
        Role::Button,
        Role::RadioButton,
        Role::Switch,
        Role::CheckBox,
        Role::TextInput,
    ];
    let mut seen = 0;
    for role in roles {
        for node in harness.query_all_by_role(role) {
            let rect = node.rect();
            seen += 1;
            assert!(
                rect.width() >= 43.9 && rect.height() >= 43.9,
                "{:?} is {rect:?}",
                node.accesskit_node().label()
            );
        }
    }
    assert!(seen > 25, "{seen}");
}

#[test]
fn colours_are_written_in_one_place() {
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![
        source.join("src"),
        source.join("glue"),
        source.join("../../desktop-caller/src"),
        source.join("../../desktop-interpreter/src"),
    ];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder)
            .unwrap()
            .flatten()
            .map(|entry| entry.path())
        {
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("theme/palette.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                for maker in [
                    "from_rgb",
                    "from_gray",
                    "from_black_alpha",
                    "from_white_alpha",
                    "hex_color",
                ] {
                    let used = text.contains(&format!("Color32::{maker}"));
                    assert!(
                        !used,
                        "{} makes a colour of its own; name it in theme/palette.rs",
                        path.display()
                    );
                }
            }
        }
    }
}
