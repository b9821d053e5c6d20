# What both apps say, in English. Second person, present, short; never blame, no jargon.

product = Visavis

# Connection
link-offline = Not connected.
link-connecting = Connecting to the service…
link-retrying = { $seconds ->
    [one] No connection. Trying again in 1 second.
   *[other] No connection. Trying again in { $seconds } seconds.
}

# Sign-in
signed-out = You are signed out.
sign-in = Sign in
sign-in-title = Sign in to Visavis
sign-in-caller-lead = Call any telephone in sign language.
sign-in-interpreter-lead = Take calls as an interpreter.
sign-in-server = Server
sign-in-server-hint = relay.example.org
sign-in-number = Your number
sign-in-number-hint = +1 555 010 0001
sign-in-ca = Your CA id
sign-in-ca-hint = 1234
sign-in-password = Password
sign-in-remember = Keep me signed in on this computer
sign-in-busy = Signing in…
sign-in-missing = Fill in the server, your number and your password.
sign-in-missing-ca = Fill in the server, your CA id and your password.
sign-in-wrong-password = The number or the password is not right. Check both and try again.
sign-in-forbidden = This account may not sign in here. Ask your service for help.
sign-in-unreachable = The server does not answer. Check its name and your internet connection.
sign-in-not-trusted = The server could not prove who it is, so nothing was sent to it. Ask your service for help.
sign-in-server-trouble = The server cannot sign you in just now. Try again in a minute.
sign-out = Sign out
details = Details: { $detail }

# The way of a call
journey = The way of your call
journey-you = You
journey-caller = Caller
journey-interpreter = Interpreter
journey-interpreter-id = Interpreter { $id }
journey-telephone = Telephone

# Pages
page-dial = Dial
page-calls = Calls
page-settings = Settings

# Caller at home
ready = Ready. You can call.
number-field = Number to call
number-hint = Type or press a number
number-wrong = Not a complete telephone number yet.
call = Call
erase = Erase last digit
dial-star = Star
dial-hash = Hash
you = You
your-picture = Your picture
languages = Languages
sees-you = The interpreter sees you like this.
sees-you-caller = The caller sees you like this.

# Pictures that are not there
no-picture-camera-off = Your camera is off
no-picture-camera = Your picture comes with the call
no-picture-interpreter = Waiting for the interpreter’s picture
no-picture-caller = Waiting for the caller’s picture

# States of a call, for the caller
asking = Asking for an interpreter…
waiting-next = Waiting for an interpreter. You are next.
waiting-behind = { $count ->
    [one] Waiting for an interpreter. One person is ahead of you.
   *[other] Waiting for an interpreter. { $count } people are ahead of you.
}
waiting = Waiting for an interpreter.
assigned = Interpreter { $id } is here and will call { $number }.
assigned-anonymous = Your interpreter is here and will call { $number }.
dialling = Interpreter { $id } is calling { $number }.
dialling-anonymous = The interpreter is calling { $number }.
ringing = Interpreter { $id } is calling { $number }. Ringing ({ $rings }).
ringing-anonymous = The interpreter is calling { $number }. Ringing ({ $rings }).
ringing-spoken = The telephone is ringing.
active = You are talking with { $number } through interpreter { $id }.
active-anonymous = You are talking with { $number } through the interpreter.
active-direct = You are connected.
someone = somebody

# States of a call, for the interpreter
ca-available = You are available. The next call comes to you.
ca-wrap-up = You are wrapping up. Nobody is sent to you yet.
ca-away = You are away. No calls come to you.
ca-break = You are at a break. No calls come to you.
ca-meal = You are at a meal. No calls come to you.
ca-training = You are in a training. No calls come to you.
ca-joining = Connecting you with the caller…
ca-assigned = You are with the caller. The telephone is called next.
ca-dialling = Calling the telephone…
ca-ringing = The telephone is ringing ({ $rings }).
ca-active = You are interpreting.
clock-session = Session
clock-conversation = Conversation
clock-time = Time

# The telephone
telephone = Telephone
telephone-idle = Not called yet
telephone-dialing = Being called
telephone-ringing = Ringing ({ $rings })
telephone-answered = Answered
telephone-busy = Busy
telephone-no_answer = No answer
telephone-failed = Could not be called
telephone-ended = Hung up
telephone-number-hidden = Number not known
level-them = Them
level-me = Me
language-pair = { $signed } / { $spoken }
language-ase = ASL
language-fcs = LSQ
language-mfs = LSM
language-en = English
language-es = Spanish
language-fr = French

# What is heard on the telephone's line
line-ringback = The telephone is ringing.
line-busy = Busy tone: the line is busy.
line-congestion = Fast busy tone: the telephone cannot be reached.
line-announcement = The telephone network plays an announcement. The call may not get through.
line-silence = Nothing has been heard from the telephone for a while.
line-music = Music on the line: you may be on hold.
line-music-ringing = Music is played while the telephone rings.
line-beep = A machine has beeped. It is recording now.
line-fax = A fax machine is on the line.
line-text-telephone = A text telephone (TTY) is on the line.
loudness-from = Telephone
loudness-to = To telephone
loudness-silent = quiet
loudness-soft = soft
loudness-normal = sound
loudness-loud = loud
level-line = To line

# In a call
microphone = Voice
microphone-turn-on = Turn your voice on
microphone-turn-off = Turn your voice off
microphone-off = Voice off
camera = Camera
camera-off = Camera off
camera-turn-on = Turn your camera on
camera-turn-off = Turn your camera off
text = Text
text-show = Show text
text-hide = Hide text
keys = Keys
keys-show = Show the telephone’s keys
keys-hide = Hide the telephone’s keys
keys-about = Press a key to send its tone to the telephone.
keys-sent = Sent: { $keys }
keys-heard = From the telephone: { $keys }
hang-up = Hang up
hang-up-again = Press Esc again
mute = Mute
muted = Muted
mute-turn-on = Mute your microphone
mute-turn-off = Unmute your microphone
volume = Volume
volume-off = Sound off
volume-turn-off = Turn the telephone’s sound off
volume-turn-on = Turn the telephone’s sound on
end = End
end-again = Press Esc again
text-field = Your text
text-hint = Type here
text-about = The other person sees each letter as you type.
text-me = You
text-interpreter = Interpreter
text-interpreter-number = Interpreter { $number }
text-caller = Caller
picture-interpreter = Interpreter
picture-caller = Caller

# Two calls, and hold
hold = Hold
hold-name = Put the call on hold
hold-end = On hold
hold-end-name = Take the call back
on-hold = You put the call on hold. Nobody sees or hears you.
silent-interpreter = Nothing comes from the interpreter's camera and microphone. The call goes on.
silent-caller = Nothing comes from the caller's camera and microphone. The call goes on.
held-by-other = The other person put the call on hold.
held-by-caller = The caller put the call on hold. Tell the person on the telephone.
held-by-hearing = The telephone put the call on hold. Tell the caller.
add-call = Add call
add-call-name = Place a second call
back-to-call = Back to the call
waiting-call = { $who } is calling you. Answering puts this call on hold.
waiting-call-instead = { $who } is calling you. Answering ends the call you are making.
parked = On hold: { $who } · { $time }
parked-spoken = On hold: { $who }
parked-ended = The call with { $who } that was on hold has ended.
swap = Switch calls
missing-hearing = The connection to the telephone was lost. It is being called again.
missing-caller = The connection to the caller was lost. They are being called again.
missing-other = A connection was lost. It is being made again.

# From videophone to videophone
direct-calling = Calling { $number }…
direct-ringing = Calling { $number }. Their videophone is ringing.
direct-active = You are talking with { $number }.
picture-other = The other person
no-picture-other = Waiting for the other person’s picture
text-other = The other person

# Asking for other interpreters
interpreters = Interpreters
interpreters-name = Ask for another interpreter
seat-lead = Lead interpreter
seat-relief = Relief
seat-team = Team
seat-supervisor = Supervisor
seat-ask = Whom do you need?
seat-why = Why do you ask for relief?
seat-why-early = Why do you ask for relief? An ordinary change comes after 10 minutes of conversation.
relief-rotation = Ordinary change
relief-illness = Illness
relief-conflict = Conflict of interest
relief-understanding = We do not understand each other
relief-requested = The caller asked for it
seat-sought-relief = Looking for an interpreter who takes over…
seat-sought-team = Looking for a second interpreter…
seat-sought-supervisor = Looking for a supervisor…
seat-withdraw = Not needed any more
seat-close = Close
seat-ready = Interpreter { $id } is here and ready to take over.
hand-over = Hand over
seat-refused-before-ten-minutes = Not yet: an ordinary change comes after 10 minutes of conversation.
seat-refused-already-so = That has been asked already.
seat-refused-too-late = Too late: the interpreter is here already.
seat-refused-other = That is not possible just now.
beside-me = Also interpreting
seat-is = { $seat }: { $id }
ca-team = You are the second interpreter of a team.
ca-relief = You are here to take over. The call becomes yours when the lead hands over.
ca-supervisor = You are assisting as a supervisor.

# Being called, being invited
incoming = is calling you
missed = You missed a call from { $who }.
incoming-unknown = Somebody
answer = Answer
decline = Decline
invitation = A caller asks for you
invitation-inbound = A telephone calls a Deaf person
invitation-relief = An interpreter asks you to take over
invitation-team = An interpreter asks you to team
invitation-supervisor = An interpreter asks for your help
invitation-from = The telephone’s number
urgency-emergency = Emergency
urgency-urgent = Urgent
invitation-number = Number to call
invitation-languages = Languages
invitation-left = Seconds left to answer
invitation-gone = The request went to somebody else.
accept = Accept

# Available or away
availability-heading = Your availability
pause = Take a pause
now-away = You did not answer, so you are away now. Switch back when you are ready.
last-call-none = None since you signed in.
availability = Available for calls
activity-available = Available
activity-break = Break
activity-meal = Meal
activity-training = Training
activity-away = Away
availability-on-about = Calls come to this window. Accept with the space bar.
availability-off-about = Nobody is sent to you until you switch back.
wrap-up = Wrap-up
wrap-up-left = Left
wrap-up-about = The next call comes when the time is over.
take-calls-now = Take calls now
last-call = Last call

# Ended
ended = The call has ended.
ended-failed = The call could not be made.
call-again = Call again
back = Back
ended-code = Code { $code }
end-caller-caller_hung_up = You hung up.
end-caller-interpreter_hung_up = The interpreter ended the call.
end-caller-hearing_hung_up = The other person hung up.
end-caller-caller_cancelled = You stopped the call before an interpreter came.
end-caller-no_interpreter = No interpreter is signed in just now. Try again in a few minutes.
end-caller-queue_full = Too many people are waiting just now. Try again in a few minutes.
end-caller-hearing_busy = The line is busy. Try again in a few minutes.
end-caller-hearing_no_answer = Nobody answered the telephone.
end-caller-number_refused = The telephone company refused this number.
end-caller-number_invalid = This number cannot be called. Check the digits.
end-caller-trunk_unavailable = The telephone network does not answer. Try again in a minute.
end-caller-caller_lost = Your connection was lost.
end-caller-interpreter_lost = The interpreter’s connection was lost. Call again to get the next one.
end-caller-hearing_lost = The connection to the telephone was lost. Call again.
end-caller-invitation_timed_out = The interpreter did not answer in time.
end-caller-media_refused = This device offers picture and sound in a way that is not allowed here.
end-caller-no_common_codec = The other device has no picture format in common with this one.
end-caller-media_failed = Picture and sound could not be connected. Check your network.
end-caller-not_allowed = Your account may not make this call.
end-caller-service_stopping = The service is being restarted. Try again in a minute.
end-caller-journal_unavailable = The service has a fault and takes no calls. Try again later.
end-caller-server_restarted = The service restarted and your call was cut. Call again.
end-caller-callee_hung_up = The other person hung up.
end-caller-subscriber_busy = The other person is on another call.
end-caller-subscriber_no_answer = Nobody answered.
end-caller-subscriber_declined = The other person declined the call.
end-caller-subscriber_offline = The other person’s videophone is not signed in.
end-caller-number_unknown = Nobody here has this number. Check the digits.
end-caller-callee_lost = The other person’s connection was lost. Call again.
end-caller-answered_elsewhere = You answered on another device.
end-caller-relieved = Another interpreter has taken over.
end-caller-language_unknown = Nobody interprets this language here.
end-caller-kind_unsupported = This kind of call is not possible here.
end-caller-request_invalid = The service did not understand the request. Update this program.
end-caller-too_many_calls = Too many calls at once. Wait a moment and try again.
end-interpreter-caller_hung_up = The caller hung up.
end-interpreter-interpreter_hung_up = You ended the call.
end-interpreter-hearing_hung_up = The telephone hung up.
end-interpreter-caller_cancelled = The caller gave up waiting.
end-interpreter-no_interpreter = The call went to nobody.
end-interpreter-queue_full = The queue is full.
end-interpreter-hearing_busy = The line was busy.
end-interpreter-hearing_no_answer = Nobody answered the telephone.
end-interpreter-number_refused = The telephone company refused the number.
end-interpreter-number_invalid = The number cannot be called.
end-interpreter-trunk_unavailable = The telephone network did not answer.
end-interpreter-caller_lost = The caller’s connection was lost.
end-interpreter-interpreter_lost = Your connection was lost.
end-interpreter-hearing_lost = The connection to the telephone was lost.
end-interpreter-invitation_timed_out = You did not answer in time. The call is offered to the next interpreter.
end-interpreter-media_refused = A device offers picture and sound in a way that is not allowed here.
end-interpreter-no_common_codec = The devices have no picture format in common.
end-interpreter-media_failed = Picture and sound could not be connected.
end-interpreter-not_allowed = The account may not take this call.
end-interpreter-service_stopping = The service is being restarted.
end-interpreter-journal_unavailable = The service has a fault and takes no calls.
end-interpreter-server_restarted = The service restarted and the call was cut.
end-interpreter-callee_hung_up = The other person hung up.
end-interpreter-subscriber_busy = The caller is on another call.
end-interpreter-subscriber_no_answer = Nobody answered the videophone.
end-interpreter-subscriber_declined = The call was declined.
end-interpreter-subscriber_offline = The videophone is not signed in.
end-interpreter-number_unknown = Nobody here has this number.
end-interpreter-callee_lost = The other person’s connection was lost.
end-interpreter-answered_elsewhere = You answered on another device.
end-interpreter-relieved = Another interpreter has taken over.
end-interpreter-language_unknown = Nobody interprets this language here.
end-interpreter-kind_unsupported = This kind of call is not possible here.
end-interpreter-request_invalid = The service did not understand the request.
end-interpreter-too_many_calls = The caller has too many calls at once.

# Settings
settings = Settings
settings-look = Look
settings-theme = Colors
theme-light = Light
theme-dark = Dark
theme-contrast = High contrast
settings-text-size = Text size
settings-percent = { $percent } %
settings-language = Language
settings-motion = Motion
settings-motion-on = Moving
settings-motion-off = Still
settings-devices = Devices
settings-devices-about = A change is used the next time the app starts.
settings-network = Network
settings-way = Calls pass
settings-way-any = The best way
settings-way-relay = Only through your provider
settings-way-about = Only through your provider, the other person never learns your network address. Pictures may be slower. It is used from the next call on.
settings-camera = Camera
settings-microphone = Microphone
settings-speaker = Speaker
settings-mirror = My picture
settings-mirror-off = As others see it
settings-mirror-on = As in a mirror
device-default = The computer’s choice
device-none = None
device-synthetic = Test pattern
signed-in = Your number
signed-in-ca = CA id
settings-account = Account
settings-signed-in = Signed in as { $account }
device-problem = A device does not work: { $detail }

# Where the caller is
settings-address = Your address for emergencies
address-about = Your relay provider passes it on to 911 when you call for help, and to nobody else.
address-told = Share my address
address-withheld = Do not share it
address-withheld-registered = Nothing is sent from here. Your provider keeps the address it has.
address-withheld-missing = Nothing is sent. 911 will not be told where you are.
address-country = Country
address-country-hint = Two letters, such as US
address-state = State
address-city = City
address-postal-code = Postal code
address-street = Street
address-house = House number
address-unit = Apartment or unit
address-optional = If there is one
address-save = Save address
address-sending = Sending it to your provider…
address-kept = Saved by your provider. 911 will be told this address.
address-registered = Your provider has an address of yours. Save another one here when you move.
address-missing = Your provider has no address of yours. 911 will not be told where you are.
address-refused-unreadable = Your provider cannot read this address. Check it and save it again.
address-refused-elsewhere = Your provider cannot read this address. Check it and save it again.
address-refused-too_soon = You have just changed your address. It is sent again in a few seconds.
address-refused-not_kept = Your provider did not say that it kept this address. Save it again in a minute.
address-refused-not_caller = This account has no address.
address-wrong-missing = Fill in this field: { $field }.
address-wrong-signs = Take semicolons and unusual signs out of this field: { $field }.
address-wrong-country = Write the country with two letters, such as US.
address-wrong-long = This address is too long.
address-wanted = 911 will not be told where you are.
address-add = Add your address

# Keys, as printed on keyboards
key-enter = Enter
key-space = Space
