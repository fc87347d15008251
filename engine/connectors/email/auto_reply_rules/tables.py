"""The words and headers by which machines give themselves away, in English, German, French, Spanish, Italian, Dutch, Portuguese and Polish."""

NO_ANSWER = frozenset(
    # English
    "noreply donotreply dontreply noreplies neverreply noresponse noresponses noanswer donotrespond donotanswer noresponder noemail nomail"
    " unattended unmonitored notmonitored notreply nonreply devnull mailernoreply"
    # German, Dutch
    " keineantwort keineantworten nichtantworten bittenichtantworten antwortnicht antworteunerwuenscht keinereply nietbeantwoorden"
    " geenantwoord nietantwoorden nietreageren geenreactie"
    # French
    " nepasrepondre nepasrepondreacemail nepasrepondresvp pasdereponse sansreponse nonrepondre nereponsepas noreponse"
    # Spanish, Portuguese
    " noresponda norespondas nocontestar nocontestes nocontestador norespuesta sinrespuesta noresponderaestecorreo naoresponda naoresponder"
    " naorespondas semresposta naoresponde"
    # Italian
    " nonrispondere nonrispondete norisposta senzarisposta nonrispondeteaquesta"
    # Polish
    " nieodpowiadaj nieodpowiadac prosimynieodpowiadac prosimyonieodpowiadanie prosnieodpowiadac prosze-nie-odpowiadac bezodpowiedzi"
    " brakodpowiedzi proszenieodpowiadac".split()
)
"""Local parts whose owner reads no answers, without separators and accents."""

MACHINES = frozenset(
    "newsletter newsletters notification notifications notify notifier alert alerts mailer automailer autoresponder autoreply bounce bounces"
    " benachrichtigung benachrichtigungen notificaciones notificacion notifica notifiche notificacao notificacoes powiadomienia"
    " meldingen mailings mailing campaign campaigns digest root cron crond crondaemon anacron logwatch logcheck nagios icinga zabbix monit munin"
    " smartd fail2ban jenkins".split()
)
"""Local parts of machines whose mail a person may read."""

MARKETS = frozenset("news marketing promo promotions promotion offers deals updates update info-news".split())

DAEMONS = frozenset(
    "mailer-daemon maildaemon mail-daemon mailerdaemon mdaemon mail-delivery maildelivery".split()
)

FORMS = frozenset(
    "wordpress wpforms wpform form forms webform webforms contactform contactforms formmail formmailer formular kontaktformular webformular"
    " kontaktform formulaire formulario formulariocontacto formularz formulier contactformulier modulo submission submissions formsubmission"
    " formsubmissions formresponses website webseite webserver webmaster www wwwdata apache nginx httpd nobody php phpmailer joomla drupal typo3"
    " contao magento prestashop shopware wix squarespace webflow jimdo ionosforms calendly typeform jotform formspree".split()
)
"""Local parts under which the programs of web forms write."""

FORM_HEADERS = (
    "x-php-originating-script", "x-php-script", "x-wpcf7-content-type", "x-formspree-form", "x-jotform-form-id", "x-drupal-webform",
)  # fmt: skip

ROLES = frozenset(
    "info kontakt contact contacto contatto contato sales support office hello hallo hi bonjour hola ciao ola mail email post team service help helpdesk"
    " enquiries inquiries enquiry anfrage anfragen bestellung bestellungen orders order booking bookings buchung reservas reservations billing"
    " rechnung rechnungen invoices accounts jobs bewerbung studio shop buero verkauf vertrieb vendite ventas vendas ventes biuro sprzedaz zamowienia"
    " pedidos commandes ordini klantenservice verkoop admin administration secretariat segreteria".split()
)
"""Local parts of an address that a business shares, like a group ``info@`` whose letters everybody in it gets."""

AWAY = (
    # English
    "automatic reply", "auto reply", "auto-reply", "autoreply", "automated reply", "automatic response", "auto response", "autoresponse",
    "out of office", "out-of-office", "out of the office", "ooo", "on vacation", "vacation reply", "away from the office", "i am away",
    # German
    "automatische antwort", "abwesenheitsnotiz", "abwesenheitsnachricht", "abwesenheit", "automatische abwesenheitsnotiz", "abwesend",
    "nicht im büro", "ich bin im urlaub", "im urlaub:", "außer haus", "autom. antwort",
    # French
    "réponse automatique", "reponse automatique", "absence du bureau", "absent du bureau", "absente du bureau", "message d'absence",
    "absence", "absent(e)", "absent.e", "absent·e", "en congé", "en congés", "hors du bureau", "je suis absent", "notification d'absence",
    # Spanish
    "respuesta automática", "respuesta automatica", "fuera de la oficina", "fuera de oficina", "ausencia de la oficina", "ausente", "de vacaciones", "estoy de vacaciones",
    # Italian
    "risposta automatica", "fuori sede", "fuori ufficio", "assente dall'ufficio", "messaggio di assenza", "assenza", "in ferie", "sono in ferie",
    # Dutch
    "automatisch antwoord", "automatische reactie", "afwezigheidsbericht", "afwezig", "niet op kantoor", "afwezigheidsmelding", "niet aanwezig", "met vakantie", "op vakantie",
    # Portuguese
    "resposta automática", "resposta automatica", "fora do escritório", "fora do escritorio", "ausência do escritório", "ausência temporária",
    "ausente do escritório", "de férias", "em férias",
    # Polish
    "automatyczna odpowiedź", "odpowiedź automatyczna", "autoodpowiedź", "poza biurem", "nieobecność", "nieobecność w biurze",
    "jestem poza biurem", "nie ma mnie w biurze", "na urlopie", "jestem na urlopie",
)  # fmt: skip
"""How the subject of an out-of-office begins."""

AWAY_SAID_OF = (
    "is out of the office", "is out of office", "is away from the office", "is currently out of the office", "will be out of the office",
    "ist außer haus", "ist nicht im büro", "ist im urlaub", "ist abwesend", "ist nicht im haus",
    "est absent du bureau", "est absente du bureau", "est absent(e)", "n'est pas au bureau", "est en congés",
    "está fuera de la oficina", "está ausente de la oficina", "è fuori ufficio", "è fuori sede", "è assente", "is niet op kantoor", "is afwezig",
    "está fora do escritório", "está ausente do escritório", "jest poza biurem", "jest nieobecny", "jest nieobecna", "przebywa na urlopie",
)  # fmt: skip
"""What programs say of a person who is out of office, in a subject that begins with a name (Domino)."""

ABSENT = (
    "out of office", "out of the office", "on vacation", "on leave", "on holiday", "away from", "maternity leave", "parental leave", "limited access to",
    "im urlaub", "nicht im büro", "nicht im hause", "abwesend", "außer haus", "elternzeit", "nicht erreichbar",
    "absent", "en congé", "en congés", "en vacances", "de retour le", "vacaciones", "fuera de la oficina", "ausente",
    "in ferie", "fuori ufficio", "fuori sede", "assente", "vakantie", "afwezig", "niet aanwezig", "niet op kantoor",
    "férias", "fora do escritório", "de licença", "urlopie", "nieobecn", "poza biurem",
)  # fmt: skip
"""Words of an out-of-office, where a program says that it answered."""

RECEIVED = (
    "we have received your", "we received your", "your request has been received", "ticket received", "case received", "thank you for contacting",
    "thank you for your message", "thank you for your email", "ihre anfrage ist eingegangen", "eingangsbestätigung", "ihre nachricht ist eingegangen",
    "empfangsbestätigung", "accusé de réception", "accuse de reception", "nous avons bien reçu", "acuse de recibo", "hemos recibido su",
    "conferma di ricezione", "abbiamo ricevuto", "ontvangstbevestiging", "wij hebben uw", "recebemos a sua", "recebemos sua", "confirmação de recebimento",
    "potwierdzenie otrzymania", "otrzymaliśmy twoje", "potwierdzenie przyjęcia",
)  # fmt: skip
"""How the subject of a ticket system's first answer begins."""

BOUNCES = (
    "undelivered mail returned to sender", "undeliverable", "undeliverable mail", "delivery status notification", "mail delivery failed",
    "mail delivery failure", "delivery failure", "failure notice", "returned mail", "mail system error", "mail delivery system",
    "delayed mail", "warning: message", "message delayed",
    "unzustellbar", "zustellungsfehler", "nicht zustellbar", "zustellung fehlgeschlagen", "benachrichtigung zum übermittlungsstatus",
    "non remis", "non distribué", "échec de la remise", "échec de remise", "notification d'état de remise", "courrier non distribué",
    "no se puede entregar", "no entregado", "error en la entrega", "notificación de estado de entrega", "devuelto",
    "mancato recapito", "non recapitabile", "impossibile recapitare", "notifica sullo stato del recapito", "consegna non riuscita",
    "onbestelbaar", "niet bezorgd", "kan niet worden bezorgd", "melding over bezorgingsstatus",
    "não é possível entregar", "falha na entrega", "não entregue", "notificação de status de entrega",
    "niedostarczona", "niedostarczalne", "nie można dostarczyć", "nie dostarczono", "zwrot wiadomości",
)  # fmt: skip
"""How the subject of a delivery report begins."""

AUTOMATIC = (
    "x-autoreply", "x-autorespond", "x-auto-reply", "x-autoresponder", "x-autoreply-from", "x-autoreply-domain", "x-mail-autoreply",
    "x-autogenerated", "x-auto-generated", "x-vacation", "x-fc-machinegenerated", "x-otrs-loop", "x-cron-env", "x-autoresponse", "x-sieve-redirected-vacation",
    "x-servicenow-generated", "x-boxbe", "x-list-administrivia",
)  # fmt: skip
"""Headers that only answering machines set, but for the value ``no``."""

RELAYS = (
    "feedback-id", "x-csa-complaints", "x-ses-outgoing", "x-ses-configuration-set", "x-sg-eid", "x-sg-id", "x-mailgun-sid", "x-mailgun-tag",
    "x-mailgun-variables", "x-pm-message-id", "x-pm-tag", "x-mandrill-user", "x-mc-user", "x-mailjet-campaign", "x-mj-mid", "x-sib-id",
    "x-mailin-eid", "x-report-abuse", "x-report-abuse-to", "x-abuse-info", "x-complaints-to", "x-msys-api", "x-elasticemail-messageid",
    "x-roving-id", "x-sfmc-stack", "x-job", "x-hs-cid", "x-hubspot-correlation-id", "x-klaviyo-message-id", "x-rpcampaign", "x-critsend-id",
)  # fmt: skip
"""Headers of the services that send for others: newsletters mostly, but also personal letters out of a CRM."""

CAMPAIGNS = (
    "x-campaign", "x-campaign-id", "x-campaignid", "x-campaign-name", "x-mailer-campaign", "x-mailing-id", "x-mailingid", "x-newsletter-id",
    "x-newsletter", "x-mc-campaign", "x-mailchimp-campaign-id", "x-cmpgn", "x-ems-campaign", "x-mailer-info", "x-bulkmail", "x-broadcast-id", "x-sendgrid-campaign",
    "x-cm-campaign", "x-listmember", "x-emarsys-identify", "x-rdmailer-campaign", "x-mailcampaign", "x-sendinblue-campaign", "x-episerver-campaign",
    "x-virtual-mta-campaign", "x-et-campaign", "x-dotmailer-campaign", "x-mailup-campaign", "x-acymailing-id", "x-mailpoet",
)  # fmt: skip
"""Headers of one letter written to many."""

TICKETS = ("x-rt-loop-prevention", "x-rt-ticket", "x-github-reason", "x-gitlab-reason", "x-jira-fingerprint", "x-redmine-host", "x-facebook-notify",
           "x-linkedin-class", "x-launchpad-message-rationale", "x-bugzilla-type", "x-phabricator-sent-this-message")  # fmt: skip
"""Headers of systems that pass on what people wrote, and what they did not."""
