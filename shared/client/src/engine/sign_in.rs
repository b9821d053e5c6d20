//! Who is signed in where, and the SIP requests that follow from it: pure.

use uuid::Uuid;
use vrs_domain::{Activity, CivicLocation, PhoneNumber, Sensitive};
use vrs_sip::{
    Body, Credentials, Enclosure, InviteParams, NameAddr, RegisterParams, Response, Secret, Uri,
};

use super::status::PACKAGE;
use super::{Role, SignInProblem};
use crate::transport::address::{Account, ServerAddress};

/// Seconds asked for when registering; refreshed at half of what is granted.
const REGISTER_EXPIRES_S: u32 = 600;

/// A sign-in from the user's wish until signed out.
pub(super) struct SignIn {
    pub(super) address: ServerAddress,
    account: Account,
    password: Secret,
    role: Role,
    /// `urn:uuid:` of this installation: one device, however often it reconnects (RFC 5626 section 4.1).
    instance: String,
    activity: Activity,
    /// How often the user has chosen: tells the same choice made again from a refreshed one.
    choices: u32,
    /// Once it worked, a lost server is tried again for ever; before, the user is told.
    pub(super) worked_once: bool,
}

impl SignIn {
    pub(super) fn new(
        role: Role,
        server: &str,
        account: &str,
        password: &Sensitive<String>,
        activity: Activity,
        instance: String,
    ) -> Result<Self, SignInProblem> {
        let unreachable = |detail: String| SignInProblem::Unreachable { detail };
        let address: ServerAddress = server
            .parse()
            .map_err(|e: crate::transport::address::InvalidAddress| unreachable(e.to_string()))?;
        let account = Account::new(account, role == Role::Caller, &address);
        // An account nobody can have is refused here as the server would.
        if account.user.is_empty() || account.domain.is_empty() {
            return Err(SignInProblem::WrongPassword);
        }
        let password = Secret::new(password.expose().as_str());
        Ok(Self {
            address,
            account,
            password,
            role,
            instance,
            activity,
            choices: 0,
            worked_once: false,
        })
    }

    /// The account as the server knows it.
    pub(super) fn account(&self) -> &str {
        &self.account.user
    }

    pub(super) fn set_activity(&mut self, activity: Activity) {
        self.activity = activity;
        self.choices = self.choices.wrapping_add(1);
    }

    /// What each REGISTER carries.
    pub(super) fn register_headers(&self) -> Vec<(String, String)> {
        match self.role {
            Role::Interpreter => {
                let chosen = format!("{};choice={}", self.activity, self.choices);
                vec![("VRS-Availability".into(), chosen)]
            }
            Role::Caller => Vec::new(),
        }
    }

    pub(super) fn register(&self) -> RegisterParams {
        RegisterParams {
            registrar: Uri::sip_at("", &self.account.domain),
            aor: self.address_of_record(),
            contact_user: self.contact_user(),
            instance: Some(self.instance.clone()),
            reg_id: Some(1),
            expires_s: REGISTER_EXPIRES_S,
            headers: self.register_headers(),
            enclosure: None,
            credentials: Some(self.credentials()),
        }
    }

    /// `call` finds this call in the logs of everybody it passes (RFC 7989).
    pub(super) fn invite(&self, number: &PhoneNumber, offer: &str, call: Uuid) -> InviteParams {
        let target =
            Uri::sip_at(number.as_str(), &self.account.domain).with_param("user", Some("phone"));
        InviteParams {
            to: NameAddr::new(target.clone()),
            target,
            from: self.address_of_record(),
            contact_user: self.contact_user(),
            headers: vec![recv_info(), session_id(call)],
            body: Body::sdp(offer),
            credentials: Some(self.credentials()),
        }
    }

    /// A location to tell with a REGISTER (RFC 6442 section 4.1, RFC 8262); `id` is random.
    pub(super) fn enclosure(&self, place: &CivicLocation, id: Uuid, utc_ms: u64) -> Enclosure {
        let entity = format!("pres:{}@{}", self.account.user, self.account.domain);
        let id = format!("location.{}@visavis.invalid", id.simple());
        let document = vrs_pidf::write(entity, place, utc_ms);
        Enclosure {
            headers: vec![
                ("Geolocation".into(), format!("<cid:{id}>")),
                ("Content-ID".into(), format!("<{id}>")),
            ],
            body: Body::new(vrs_pidf::MEDIA_TYPE, document),
        }
    }

    fn address_of_record(&self) -> NameAddr {
        let uri = Uri::sip_at(&self.account.user, &self.account.domain);
        NameAddr::new(match self.role {
            Role::Caller => uri.with_param("user", Some("phone")),
            Role::Interpreter => uri,
        })
    }

    fn contact_user(&self) -> String {
        self.account.user.clone()
    }

    fn credentials(&self) -> Credentials {
        Credentials {
            username: self.account.user.clone(),
            password: self.password.clone(),
        }
    }
}

/// We take status reports (RFC 6086).
pub(super) fn recv_info() -> (String, String) {
    ("Recv-Info".into(), PACKAGE.into())
}

/// A call's identifier before the other end's is known (RFC 7989 section 5).
fn session_id(call: Uuid) -> (String, String) {
    let (local, remote) = (call.simple(), Uuid::nil().simple());
    ("Session-ID".into(), format!("{local};remote={remote}"))
}

/// What a refused REGISTER means to the user; `None` when the server was not heard at all.
pub(super) fn refusal(status: u16, response: Option<&Response>) -> Option<SignInProblem> {
    response?;
    Some(match status {
        401 | 407 => SignInProblem::WrongPassword,
        403 => SignInProblem::Forbidden,
        other => SignInProblem::Server { status: other },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign_in(role: Role, account: &str) -> SignIn {
        let password = Sensitive::new("secret".into());
        SignIn::new(
            role,
            "relay.example:5061",
            account,
            &password,
            Activity::Available,
            "urn:uuid:1".into(),
        )
        .unwrap()
    }

    #[test]
    fn callers_register_their_number_and_interpreters_their_ca_id() {
        let caller = sign_in(Role::Caller, "555-010-0001").register();
        assert_eq!(
            caller.aor.uri.to_string(),
            "sip:+15550100001@relay.example;user=phone"
        );
        assert_eq!(caller.registrar.to_string(), "sip:relay.example");
        assert!(caller.headers.is_empty());
        let mut interpreter = sign_in(Role::Interpreter, "1234@vrs.example");
        interpreter.set_activity(Activity::Meal);
        let register = interpreter.register();
        assert_eq!(register.aor.uri.to_string(), "sip:1234@vrs.example");
        assert_eq!(
            register.headers,
            [("VRS-Availability".to_owned(), "meal;choice=1".to_owned())]
        );
        assert_eq!((register.reg_id, register.expires_s), (Some(1), 600));
    }

    #[test]
    fn an_invite_names_the_number_and_takes_status_reports() {
        let caller = sign_in(Role::Caller, "+15550100001");
        let call = Uuid::from_u128(0xab);
        let invite = caller.invite(&"+15550100199".parse().unwrap(), "v=0", call);
        assert_eq!(
            invite.target.to_string(),
            "sip:+15550100199@relay.example;user=phone"
        );
        assert!(
            invite
                .headers
                .contains(&("Recv-Info".into(), "vrs-status".into()))
        );
        let id = "000000000000000000000000000000ab;remote=00000000000000000000000000000000";
        assert!(invite.headers.contains(&("Session-ID".into(), id.into())));
    }

    #[test]
    fn r30_a_location_is_a_pidf_lo_that_geolocation_points_at() {
        let place = "country=US;RD=Elm;HNO=7".parse().unwrap();
        let id = Uuid::from_u128(0xab);
        let enclosure = sign_in(Role::Caller, "+15550100001").enclosure(&place, id, 0);
        let at = "location.000000000000000000000000000000ab@visavis.invalid";
        assert_eq!(
            enclosure.headers,
            [
                ("Geolocation".to_owned(), format!("<cid:{at}>")),
                ("Content-ID".to_owned(), format!("<{at}>")),
            ]
        );
        assert_eq!(enclosure.body.content_type, "application/pidf+xml");
        assert_eq!(vrs_pidf::read(&enclosure.body.bytes), Ok(place));
        let said = String::from_utf8(enclosure.body.bytes).unwrap();
        assert!(said.contains("pres:+15550100001@relay.example"), "{said}");
    }

    #[test]
    fn refusals_have_names() {
        let response = Response {
            status: 401,
            reason: String::new(),
            headers: vrs_sip::Headers::new(),
            body: Vec::new(),
        };
        assert_eq!(
            refusal(401, Some(&response)),
            Some(SignInProblem::WrongPassword)
        );
        assert_eq!(
            refusal(403, Some(&response)),
            Some(SignInProblem::Forbidden)
        );
        assert_eq!(
            refusal(500, Some(&response)),
            Some(SignInProblem::Server { status: 500 })
        );
        assert_eq!(refusal(503, None), None);
    }
}
