# Lo que dicen las dos aplicaciones, en español. Segunda persona, presente, breve; sin culpas ni jerga.

product = Visavis

# Conexión
link-offline = Sin conexión.
link-connecting = Conectando con el servicio…
link-retrying = { $seconds ->
    [one] Sin conexión. Se reintenta en 1 segundo.
   *[other] Sin conexión. Se reintenta en { $seconds } segundos.
}

# Inicio de sesión
signed-out = No ha iniciado sesión.
sign-in = Iniciar sesión
sign-in-title = Inicie sesión en Visavis
sign-in-caller-lead = Llame a cualquier teléfono en lengua de señas.
sign-in-interpreter-lead = Atienda llamadas como intérprete.
sign-in-server = Servidor
sign-in-server-hint = relay.example.org
sign-in-number = Su número
sign-in-number-hint = +1 555 010 0001
sign-in-ca = Su identificador (CA)
sign-in-ca-hint = 1234
sign-in-password = Contraseña
sign-in-remember = Mantener la sesión en este equipo
sign-in-busy = Iniciando sesión…
sign-in-missing = Escriba el servidor, su número y su contraseña.
sign-in-missing-ca = Escriba el servidor, su identificador y su contraseña.
sign-in-wrong-password = El número o la contraseña no son correctos. Revíselos e inténtelo de nuevo.
sign-in-forbidden = Esta cuenta no puede iniciar sesión aquí. Pida ayuda a su servicio.
sign-in-unreachable = El servidor no responde. Revise su nombre y su conexión a internet.
sign-in-not-trusted = El servidor no pudo demostrar quién es y no se le envió nada. Pida ayuda a su servicio.
sign-in-server-trouble = El servidor no puede iniciar su sesión ahora. Inténtelo de nuevo en un minuto.
sign-out = Cerrar sesión
details = Detalles: { $detail }

# El camino de una llamada
journey = El camino de su llamada
journey-you = Usted
journey-caller = Usuario
journey-interpreter = Intérprete
journey-interpreter-id = Intérprete { $id }
journey-telephone = Teléfono

# Páginas
page-dial = Marcar
page-calls = Llamadas
page-settings = Ajustes

# La pantalla principal
ready = Todo listo. Ya puede llamar.
number-field = Número al que llama
number-hint = Escriba o marque un número
number-wrong = El número aún no está completo.
call = Llamar
erase = Borrar la última cifra
dial-star = Asterisco
dial-hash = Almohadilla
you = Usted
your-picture = Su imagen
languages = Idiomas
sees-you = Así le ve el intérprete.
sees-you-caller = Así le ve el usuario.

# Imágenes que faltan
no-picture-camera-off = Su cámara está apagada
no-picture-camera = Su imagen aparece con la llamada
no-picture-interpreter = Esperando la imagen del intérprete
no-picture-caller = Esperando la imagen del usuario

# Estados de una llamada, para quien llama
asking = Pidiendo un intérprete…
waiting-next = Esperando un intérprete. Es su turno.
waiting-behind = { $count ->
    [one] Esperando un intérprete. Hay una persona antes que usted.
   *[other] Esperando un intérprete. Hay { $count } personas antes que usted.
}
waiting = Esperando un intérprete.
assigned = El intérprete { $id } está aquí y llamará al { $number }.
assigned-anonymous = Su intérprete está aquí y llamará al { $number }.
dialling = El intérprete { $id } está llamando al { $number }.
dialling-anonymous = El intérprete está llamando al { $number }.
ringing = El intérprete { $id } está llamando al { $number }. Suena ({ $rings }).
ringing-anonymous = El intérprete está llamando al { $number }. Suena ({ $rings }).
ringing-spoken = El teléfono está sonando.
active = Usted habla con { $number } a través del intérprete { $id }.
active-anonymous = Usted habla con { $number } a través del intérprete.
active-direct = La llamada está en curso.
someone = alguien

# Estados de una llamada, para el intérprete
ca-available = Está disponible. La próxima llamada le llega a usted.
ca-wrap-up = Está cerrando la llamada anterior. Aún no le llega nadie.
ca-away = Está ausente. No le llegan llamadas.
ca-break = Está en un descanso. No le llegan llamadas.
ca-meal = Está en la comida. No le llegan llamadas.
ca-training = Está en una formación. No le llegan llamadas.
ca-joining = Conectando con el usuario…
ca-assigned = Está con el usuario. Ahora se llama al teléfono.
ca-dialling = Llamando al teléfono…
ca-ringing = El teléfono está sonando ({ $rings }).
ca-active = Está interpretando.
clock-session = Sesión
clock-conversation = Conversación
clock-time = Tiempo

# El teléfono
telephone = Teléfono
telephone-idle = Aún sin llamar
telephone-dialing = Llamando
telephone-ringing = Sonando ({ $rings })
telephone-answered = Contestado
telephone-busy = Ocupado
telephone-no_answer = No contesta
telephone-failed = No se pudo llamar
telephone-ended = Ha colgado
telephone-number-hidden = Número desconocido
level-them = Ellos
level-me = Yo
language-pair = { $signed } / { $spoken }
language-ase = ASL
language-fcs = LSQ
language-mfs = LSM
language-en = Inglés
language-es = Español
language-fr = Francés

# Lo que se oye en la línea del teléfono
line-ringback = El teléfono está sonando.
line-busy = Tono de ocupado: la línea está ocupada.
line-congestion = Tono de ocupado rápido: no se puede llegar al teléfono.
line-announcement = La red telefónica da un aviso. Puede que la llamada no llegue.
line-silence = Hace rato que no se oye nada del teléfono.
line-music = Música en la línea: puede que esté en espera.
line-music-ringing = Se oye música mientras el teléfono suena.
line-beep = Una máquina ha dado la señal. Ahora graba.
line-fax = Hay un fax en la línea.
line-text-telephone = Hay un teléfono de texto (TTY) en la línea.
loudness-from = Teléfono
loudness-to = Al teléfono
loudness-silent = silencio
loudness-soft = bajo
loudness-normal = sonido
loudness-loud = fuerte
level-line = A línea

# Durante una llamada
microphone = Voz
microphone-turn-on = Activar su voz
microphone-turn-off = Desactivar su voz
microphone-off = Sin voz
camera = Cámara
camera-off = Sin cámara
camera-turn-on = Encender su cámara
camera-turn-off = Apagar su cámara
text = Texto
text-show = Mostrar el texto
text-hide = Ocultar el texto
keys = Teclas
keys-show = Mostrar las teclas del teléfono
keys-hide = Ocultar las teclas del teléfono
keys-about = Pulse una tecla para enviar su tono al teléfono.
keys-sent = Enviado: { $keys }
keys-heard = Desde el teléfono: { $keys }
hang-up = Colgar
hang-up-again = Pulse Esc otra vez
mute = Silenciar
muted = En silencio
mute-turn-on = Silenciar su micrófono
mute-turn-off = Reactivar su micrófono
volume = Sonido
volume-off = Sin sonido
volume-turn-off = Quitar el sonido del teléfono
volume-turn-on = Poner el sonido del teléfono
end = Terminar
end-again = Pulse Esc otra vez
text-field = Su texto
text-hint = Escriba aquí
text-about = La otra persona ve cada letra mientras usted escribe.
text-me = Usted
text-interpreter = Intérprete
text-interpreter-number = Intérprete { $number }
text-caller = Usuario
picture-interpreter = Intérprete
picture-caller = Usuario

# Dos llamadas, y en espera
hold = Espera
hold-name = Poner la llamada en espera
hold-end = En espera
hold-end-name = Retomar la llamada
on-hold = Usted puso la llamada en espera. Nadie le ve ni le oye.
silent-interpreter = No llega nada de la cámara ni del micrófono del intérprete. La llamada continúa.
silent-caller = No llega nada de la cámara ni del micrófono de quien llama. La llamada continúa.
held-by-other = La otra persona puso la llamada en espera.
held-by-caller = La persona que llama puso la llamada en espera. Avise por teléfono.
held-by-hearing = El teléfono puso la llamada en espera. Avise a quien llama.
add-call = Otra
add-call-name = Hacer una segunda llamada
back-to-call = Volver a la llamada
waiting-call = { $who } le llama. Al contestar, esta llamada queda en espera.
waiting-call-instead = { $who } le llama. Al contestar, se termina la llamada que está haciendo.
parked = En espera: { $who } · { $time }
parked-spoken = En espera: { $who }
parked-ended = Terminó la llamada con { $who } que estaba en espera.
swap = Cambiar de llamada
missing-hearing = Se perdió la conexión con el teléfono. Se le llama de nuevo.
missing-caller = Se perdió la conexión con quien llama. Se le llama de nuevo.
missing-other = Se perdió una conexión. Se está restableciendo.

# De videoteléfono a videoteléfono
direct-calling = Llamando a { $number }…
direct-ringing = Llamando a { $number }. Su videoteléfono está sonando.
direct-active = Está hablando con { $number }.
picture-other = La otra persona
no-picture-other = Esperando la imagen de la otra persona
text-other = La otra persona

# Pedir otros intérpretes
interpreters = Intérpretes
interpreters-name = Pedir otro intérprete
seat-lead = Intérprete principal
seat-relief = Relevo
seat-team = Equipo
seat-supervisor = Supervisor
seat-ask = ¿A quién necesita?
seat-why = ¿Por qué pide relevo?
seat-why-early = ¿Por qué pide relevo? El cambio habitual es a los 10 minutos de conversación.
relief-rotation = Cambio habitual
relief-illness = Enfermedad
relief-conflict = Conflicto de interés
relief-understanding = No nos entendemos
relief-requested = Lo pidió quien llama
seat-sought-relief = Buscando un intérprete que tome el relevo…
seat-sought-team = Buscando un segundo intérprete…
seat-sought-supervisor = Buscando un supervisor…
seat-withdraw = Ya no hace falta
seat-close = Cerrar
seat-ready = El intérprete { $id } está aquí, listo para tomar el relevo.
hand-over = Ceder la llamada
seat-refused-before-ten-minutes = Todavía no: el cambio habitual es a los 10 minutos de conversación.
seat-refused-already-so = Eso ya se pidió.
seat-refused-too-late = Demasiado tarde: el intérprete ya está aquí.
seat-refused-other = Ahora no es posible.
beside-me = También interpretan
seat-is = { $seat }: { $id }
ca-team = Usted es el segundo intérprete del equipo.
ca-relief = Está aquí para tomar el relevo. La llamada será suya cuando se la cedan.
ca-supervisor = Está ayudando como supervisor.

# Una llamada o una petición que llega
incoming = le está llamando
missed = Tiene una llamada perdida de { $who }.
incoming-unknown = Alguien
answer = Contestar
decline = Rechazar
invitation = Un usuario pide un intérprete
invitation-inbound = Un teléfono llama a una persona sorda
invitation-relief = Un intérprete le pide el relevo
invitation-team = Un intérprete le pide hacer equipo
invitation-supervisor = Un intérprete pide su ayuda
invitation-from = El número del teléfono
urgency-emergency = Emergencia
urgency-urgent = Urgente
invitation-number = Número al que llama
invitation-languages = Idiomas
invitation-left = Segundos para responder
invitation-gone = La petición pasó a otra persona.
accept = Aceptar

# Disponible o ausente
availability-heading = Su disponibilidad
pause = Hacer una pausa
now-away = No contestó, así que ahora está ausente. Vuelva a activarse cuando esté listo.
last-call-none = Ninguna desde que inició sesión.
availability = Disponible para llamadas
activity-available = Disponible
activity-break = Descanso
activity-meal = Comida
activity-training = Formación
activity-away = Ausente
availability-on-about = Las llamadas llegan a esta ventana. Acepte con la barra espaciadora.
availability-off-about = No se le envía a nadie hasta que vuelva a activarse.
wrap-up = Cierre
wrap-up-left = Quedan
wrap-up-about = La próxima llamada llega cuando termine el tiempo.
take-calls-now = Recibir llamadas ya
last-call = Última llamada

# Fin
ended = La llamada ha terminado.
ended-failed = No se pudo hacer la llamada.
call-again = Llamar de nuevo
back = Volver
ended-code = Código { $code }
end-caller-caller_hung_up = Usted colgó.
end-caller-interpreter_hung_up = El intérprete terminó la llamada.
end-caller-hearing_hung_up = La otra persona colgó.
end-caller-caller_cancelled = Usted detuvo la llamada antes de que llegara un intérprete.
end-caller-no_interpreter = Ahora no hay intérpretes conectados. Inténtelo de nuevo en unos minutos.
end-caller-queue_full = Ahora hay demasiadas personas esperando. Inténtelo de nuevo en unos minutos.
end-caller-hearing_busy = La línea está ocupada. Inténtelo de nuevo en unos minutos.
end-caller-hearing_no_answer = Nadie contestó el teléfono.
end-caller-number_refused = La compañía telefónica rechazó este número.
end-caller-number_invalid = No se puede llamar a este número. Revise las cifras.
end-caller-trunk_unavailable = La red telefónica no responde. Inténtelo de nuevo en un minuto.
end-caller-caller_lost = Se perdió su conexión.
end-caller-interpreter_lost = Se perdió la conexión del intérprete. Llame de nuevo para tener otro.
end-caller-hearing_lost = Se perdió la conexión con el teléfono. Llame de nuevo.
end-caller-invitation_timed_out = El intérprete no contestó a tiempo.
end-caller-media_refused = Este dispositivo ofrece imagen y sonido de una forma que aquí no se permite.
end-caller-no_common_codec = El otro dispositivo no tiene ningún formato de imagen en común con este.
end-caller-media_failed = No se pudieron conectar la imagen y el sonido. Revise su red.
end-caller-not_allowed = Su cuenta no puede hacer esta llamada.
end-caller-service_stopping = El servicio se está reiniciando. Inténtelo de nuevo en un minuto.
end-caller-journal_unavailable = El servicio tiene un fallo y no acepta llamadas. Inténtelo más tarde.
end-caller-server_restarted = El servicio se reinició y su llamada se cortó. Llame de nuevo.
end-caller-callee_hung_up = La otra persona colgó.
end-caller-subscriber_busy = La otra persona está en otra llamada.
end-caller-subscriber_no_answer = Nadie contestó.
end-caller-subscriber_declined = La otra persona rechazó la llamada.
end-caller-subscriber_offline = El videoteléfono de la otra persona no está conectado.
end-caller-number_unknown = Aquí nadie tiene este número. Revise las cifras.
end-caller-callee_lost = Se perdió la conexión de la otra persona. Llame de nuevo.
end-caller-answered_elsewhere = Usted contestó en otro dispositivo.
end-caller-relieved = Otro intérprete continúa la llamada.
end-caller-language_unknown = Aquí nadie interpreta este idioma.
end-caller-kind_unsupported = Aquí no es posible esta clase de llamada.
end-caller-request_invalid = El servicio no entendió la solicitud. Actualice este programa.
end-caller-too_many_calls = Demasiadas llamadas a la vez. Espere un momento e inténtelo de nuevo.
end-interpreter-caller_hung_up = El usuario colgó.
end-interpreter-interpreter_hung_up = Usted terminó la llamada.
end-interpreter-hearing_hung_up = El teléfono colgó.
end-interpreter-caller_cancelled = El usuario dejó de esperar.
end-interpreter-no_interpreter = La llamada no llegó a nadie.
end-interpreter-queue_full = La cola está llena.
end-interpreter-hearing_busy = La línea estaba ocupada.
end-interpreter-hearing_no_answer = Nadie contestó el teléfono.
end-interpreter-number_refused = La compañía telefónica rechazó el número.
end-interpreter-number_invalid = No se puede llamar al número.
end-interpreter-trunk_unavailable = La red telefónica no respondió.
end-interpreter-caller_lost = Se perdió la conexión del usuario.
end-interpreter-interpreter_lost = Se perdió su conexión.
end-interpreter-hearing_lost = Se perdió la conexión con el teléfono.
end-interpreter-invitation_timed_out = Usted no contestó a tiempo. La llamada se ofrece al siguiente intérprete.
end-interpreter-media_refused = Un dispositivo ofrece imagen y sonido de una forma que aquí no se permite.
end-interpreter-no_common_codec = Los dispositivos no tienen ningún formato de imagen en común.
end-interpreter-media_failed = No se pudieron conectar la imagen y el sonido.
end-interpreter-not_allowed = La cuenta no puede atender esta llamada.
end-interpreter-service_stopping = El servicio se está reiniciando.
end-interpreter-journal_unavailable = El servicio tiene un fallo y no acepta llamadas.
end-interpreter-server_restarted = El servicio se reinició y la llamada se cortó.
end-interpreter-callee_hung_up = La otra persona colgó.
end-interpreter-subscriber_busy = El usuario está en otra llamada.
end-interpreter-subscriber_no_answer = Nadie contestó el videoteléfono.
end-interpreter-subscriber_declined = La llamada fue rechazada.
end-interpreter-subscriber_offline = El videoteléfono no está conectado.
end-interpreter-number_unknown = Aquí nadie tiene este número.
end-interpreter-callee_lost = Se perdió la conexión de la otra persona.
end-interpreter-answered_elsewhere = Usted contestó en otro dispositivo.
end-interpreter-relieved = Otro intérprete continúa la llamada.
end-interpreter-language_unknown = Aquí nadie interpreta este idioma.
end-interpreter-kind_unsupported = Aquí no es posible esta clase de llamada.
end-interpreter-request_invalid = El servicio no entendió la solicitud.
end-interpreter-too_many_calls = El usuario tiene demasiadas llamadas a la vez.

# Ajustes
settings = Ajustes
settings-look = Aspecto
settings-theme = Colores
theme-light = Claro
theme-dark = Oscuro
theme-contrast = Alto contraste
settings-text-size = Tamaño del texto
settings-percent = { $percent } %
settings-language = Idioma
settings-motion = Movimiento
settings-motion-on = Con movimiento
settings-motion-off = Sin movimiento
settings-devices = Dispositivos
settings-devices-about = Los cambios se usan la próxima vez que se abra la aplicación.
settings-network = Red
settings-way = Las llamadas pasan
settings-way-any = Por el mejor camino
settings-way-relay = Solo por su proveedor
settings-way-about = Si pasan solo por su proveedor, la otra persona nunca conoce su dirección de red. La imagen puede ser más lenta. Se usa a partir de la próxima llamada.
settings-camera = Cámara
settings-microphone = Micrófono
settings-speaker = Altavoz
settings-mirror = Mi imagen
settings-mirror-off = Como la ven los demás
settings-mirror-on = Como en un espejo
device-default = El que elija el equipo
device-none = Ninguno
device-synthetic = Imagen de prueba
signed-in = Su número
signed-in-ca = CA
settings-account = Cuenta
settings-signed-in = Sesión iniciada como { $account }
device-problem = Un dispositivo no funciona: { $detail }

# Where the caller is
settings-address = Su dirección para emergencias
address-about = Su proveedor la da al 911 cuando usted pide ayuda, y a nadie más.
address-told = Compartir mi dirección
address-withheld = No compartirla
address-withheld-registered = Desde aquí no se envía nada. Su proveedor conserva la dirección que tiene.
address-withheld-missing = No se envía nada. El 911 no sabrá dónde está usted.
address-country = País
address-country-hint = Dos letras, como US
address-state = Estado
address-city = Ciudad
address-postal-code = Código postal
address-street = Calle
address-house = Número de casa
address-unit = Apartamento o unidad
address-optional = Si lo hay
address-save = Guardar dirección
address-sending = Enviándola a su proveedor…
address-kept = Guardada por su proveedor. El 911 recibirá esta dirección.
address-registered = Su proveedor tiene una dirección suya. Guarde otra aquí cuando se mude.
address-missing = Su proveedor no tiene ninguna dirección suya. El 911 no sabrá dónde está usted.
address-refused-unreadable = Su proveedor no puede leer esta dirección. Revísela y guárdela otra vez.
address-refused-elsewhere = Su proveedor no puede leer esta dirección. Revísela y guárdela otra vez.
address-refused-too_soon = Acaba de cambiar su dirección. Se envía otra vez en unos segundos.
address-refused-not_kept = Su proveedor no confirmó que guardó esta dirección. Guárdela otra vez en un minuto.
address-refused-not_caller = Esta cuenta no tiene dirección.
address-wrong-missing = Complete este campo: { $field }.
address-wrong-signs = Quite los puntos y coma y signos raros de este campo: { $field }.
address-wrong-country = Escriba el país con dos letras, como US.
address-wrong-long = Esta dirección es demasiado larga.
address-wanted = El 911 no sabrá dónde está usted.
address-add = Agregar su dirección

# Teclas, como están impresas
key-enter = Intro
key-space = Espacio
