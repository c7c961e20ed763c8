# ruff: noqa: RUF001 - look-alike letters are what is tested
import time

import pytest

from workers.policy import content
from workers.policy.marketing_words import EXPRESSIONS

LANGUAGES = ("en", "ar", "es", "fr", "de", "pt")

# What support says: with prices, refunds, offers and orders in it, and still no marketing.
SUPPORT = {
    "en": """
        The promotion has ended, so the discount code no longer works.
        Cashback of 5 was credited to your card on Monday.
        Your order has shipped, the price was refunded.
        We have sent the offer you asked for by e-mail; it is valid until Friday.
        The discount on your invoice was applied by mistake, we have corrected it.
        Sorry for the delay, a technician will call you today between 2 and 4 pm.
        Your battery was at 20% when we tested it, so we will replace it free of charge.
        We only have two appointments left this week, would you like Tuesday or Thursday?
        You can buy a replacement cable in any of our shops, or we can send one.
        Please click the link to reset your password, it is valid for 30 minutes.
        Your free trial ends tomorrow. Tell us if you need more time to test.
        No hurry, take your time and let me know when the new router has arrived.
        Thank you for waiting. Your claim number is 4512 and your case is now open.
        The promotion to gold status takes up to three days to show in your account.
        Delivery is free for warranty repairs. Please keep the box.
        I have upgraded your plan as you asked; the new price is 39 per month from May.
        Our best price for the repair is 120 including parts. Shall we go ahead?
        Don't miss the technician: he rings once. Your order now has a tracking number.
        We missed your call. How can we help you?
        Customs clearance takes two days, and we will deal with the paperwork.
    """,
    "ar": """
        انتهى العرض ولا يمكن تطبيق كود الخصم على طلبك.
        تم شحن طلبك وسيصلك غدا، وتم استرجاع المبلغ إلى بطاقتك.
        تم خصم المبلغ من حسابك مرتين بالخطأ، وسنعيده خلال ثلاثة أيام.
        أرسلنا لك عرض السعر الذي طلبته على البريد الإلكتروني.
        نعتذر عن التأخير، سيتصل بك الفني اليوم بين الثانية والرابعة.
        نسبة البطارية ٢٠٪ فقط لذلك سنستبدلها مجانا ضمن الضمان.
        لدينا موعدان فقط هذا الأسبوع، هل يناسبك الثلاثاء أم الخميس؟
        اضغط على الرابط لإعادة تعيين كلمة المرور، وهو صالح لمدة 30 دقيقة.
        تنتهي الفترة المجانية غدا، أخبرنا إذا كنت تحتاج وقتا إضافيا.
        رقم طلبك هو 4512 ويمكنك متابعته من التطبيق.
        فاتتنا مكالمتك، كيف يمكننا مساعدتك؟
        سعر الإصلاح 120 ريالا شاملا القطع، هل تود أن نبدأ؟
        تم تحديث اشتراكك كما طلبت والسعر الجديد يبدأ من شهر مايو.
        يرجى الاحتفاظ بالعلبة، التوصيل مشمول بالضمان.
        هل يمكنك إرسال صورة الفاتورة حتى نراجع قيمة الخصم؟
        سيتم خصم رسوم الشحن من رصيدك بعد التأكيد.
        شكرا لانتظارك، تم فتح بلاغ لمشكلتك وسنوافيك بالرد اليوم.
        الموعد متاح يوم الأحد الساعة العاشرة صباحا.
    """,
    "es": """
        La promoción terminó ayer y no puedo aplicar el descuento.
        Su pedido ha salido y le hemos devuelto el importe.
        Le hemos enviado la oferta que pidió por correo; es válida hasta el viernes.
        El descuento de su factura se aplicó por error y ya está corregido.
        Disculpe el retraso, un técnico le llamará hoy entre las 2 y las 4.
        La batería estaba al 20%, así que la cambiaremos sin coste.
        Solo quedan dos citas esta semana, ¿prefiere el martes o el jueves?
        Puede comprar el cable en cualquiera de nuestras tiendas.
        Haga clic en el enlace para cambiar la contraseña, caduca en 30 minutos.
        Su periodo de prueba termina mañana. Avísenos si necesita más tiempo.
        Hemos perdido su llamada. ¿En qué podemos ayudarle?
        El precio de la reparación es de 120 euros con piezas. ¿Seguimos adelante?
        Ya hemos cambiado su plan; el nuevo precio empieza en mayo.
        Su número de caso es 4512 y puede seguirlo en la aplicación.
        El envío de la garantía es gratuito. Guarde la caja, por favor.
        ¿Puede mandarnos una foto de la factura para revisar el importe?
        No se preocupe, le damos de baja hoy y recibirá una confirmación.
        Aprovecho para confirmarle la cita del lunes a las diez.
    """,
    "fr": """
        La promotion est terminée, la réduction ne s'applique plus.
        Votre commande est partie et le montant a été remboursé.
        Nous vous avons envoyé l'offre demandée par courriel, valable jusqu'à vendredi.
        Le solde de votre compte est de 20 euros, voici l'adresse.
        La réduction sur votre facture a été appliquée par erreur, c'est corrigé.
        Désolé pour le retard, un technicien vous appellera aujourd'hui entre 14 h et 16 h.
        La batterie était à 20 %, nous la remplaçons donc gratuitement.
        Il reste deux rendez-vous cette semaine, préférez-vous mardi ou jeudi ?
        Vous pouvez acheter le câble dans toutes nos boutiques.
        Cliquez sur le lien pour changer votre mot de passe, il expire dans 30 minutes.
        Votre période d'essai se termine demain. Dites-nous s'il vous faut plus de temps.
        Nous avons manqué votre appel. Comment pouvons-nous vous aider ?
        Le prix de la réparation est de 120 euros pièces comprises. On continue ?
        Votre forfait a été modifié, le nouveau prix s'applique à partir de mai.
        Votre numéro de dossier est le 4512, vous pouvez le suivre dans l'application.
        La livraison sous garantie ne coûte rien. Gardez le carton, s'il vous plaît.
        N'hésitez pas à nous écrire, je reviens vers vous au plus vite.
        N'attendez pas le technicien avant 14 h, il est retenu chez un autre client.
        Pouvez-vous nous envoyer une photo de la facture ?
    """,
    "de": """
        Die Aktion ist beendet, der Rabattcode ist abgelaufen.
        Ihre Bestellung ist unterwegs und der Betrag wurde erstattet.
        Anbei unser Angebot wie gewünscht; es gilt bis Freitag.
        Sie können jetzt auf die Daten zugreifen.
        Der Rabatt auf Ihrer Rechnung war ein Fehler, wir haben ihn korrigiert.
        Entschuldigen Sie die Verspätung, ein Techniker ruft Sie heute zwischen 14 und 16 Uhr an.
        Der Akku war bei 20 %, wir tauschen ihn deshalb kostenlos aus.
        Diese Woche sind nur noch zwei Termine frei, passt Ihnen Dienstag oder Donnerstag?
        Das Kabel können Sie in jeder unserer Filialen kaufen.
        Klicken Sie hier, um Ihr Passwort zu ändern. Der Link gilt 30 Minuten.
        Ihre Testphase endet morgen. Sagen Sie uns, wenn Sie mehr Zeit brauchen.
        Wir haben Ihren Anruf verpasst. Wie können wir helfen?
        Der Preis für die Reparatur beträgt 120 Euro mit Teilen. Sollen wir anfangen?
        Ihr Tarif wurde geändert, der neue Preis gilt ab Mai.
        Ihre Fallnummer ist 4512, Sie können ihn in der App verfolgen.
        Der Versand in der Garantie kostet nichts. Bitte heben Sie den Karton auf.
        Bitte warten Sie kurze Zeit, ich sehe gleich nach.
        Wir haben heute nur bis 14 Uhr geöffnet.
        Können Sie uns ein Foto der Rechnung schicken?
    """,
    "pt": """
        A promoção acabou ontem e o cupom já expirou.
        Seu pedido foi enviado e o valor foi devolvido.
        Enviamos por e-mail a proposta que pediu; vale até sexta-feira.
        O desconto na sua fatura foi aplicado por engano e já corrigimos.
        Desculpe o atraso, um técnico vai ligar hoje entre as 14 e as 16 horas.
        A bateria estava em 20%, por isso vamos trocá-la sem custo.
        Só temos dois horários esta semana, prefere terça ou quinta?
        Você pode comprar o cabo em qualquer uma das nossas lojas.
        Clique no link para trocar a senha, ele vale por 30 minutos.
        O período de teste termina amanhã. Avise se precisar de mais tempo.
        Perdemos a sua ligação. Como podemos ajudar?
        O preço do conserto é de 120 reais com peças. Podemos começar?
        O seu plano foi alterado e o novo preço começa em maio.
        O número do seu caso é 4512, acompanhe pelo aplicativo.
        A entrega na garantia não tem custo. Guarde a caixa, por favor.
        Pode enviar uma foto da fatura para conferirmos o valor?
        O arquivo baixou corretamente? Os saldos da conta já estão certos.
        Vamos cancelar o pedido hoje e você recebe a confirmação.
    """,
}

MARKETING = {
    "en": """
        50% off everything this weekend. Buy now!
        Flash sale! Use promo code SAVE20 at checkout.
        Don't miss out: our exclusive deals end soon, shop now.
        Limited time offer: get a free gift with every order.
        Hurry, while stocks last! Free shipping on all shoes.
        Black Friday is here, huge savings on all phones.
        You have won! Claim your prize before midnight.
        Special offer for you: 20 percent discount, click here to buy.
        Buy one get one free, today only.
        Summer sale: discounts up to 70%. Visit our store!
        Last chance to grab yours at the lowest price of the year.
        Invite your friends and earn points, plus cashback.
        New arrivals at unbeatable prices. Order now!
    """,
    "ar": """
        خصم 50% على جميع المنتجات، اشتر الآن!
        عروضنا الخاصة لفترة محدودة، تسوق الآن.
        استخدم كود الخصم SAVE20 واحصل على توصيل مجاني.
        لا تفوتوا أقوى العروض بمناسبة الجمعة البيضاء.
        سارع بالشراء، الكمية محدودة!
        تخفيضات تصل إلى ٧٠٪ وهدية مجانية مع كل طلب.
        اشتر قطعة واحصل على والثانية مجانا، العرض ساري اليوم فقط.
        آخر فرصة: أقل الأسعار لهذا العام.
        مبروك ربحت! احصل على جائزتك الآن، جوائز قيمة.
        وصل حديثا بأسعار لا تقاوم، اطلب الآن.
        بالتخفيضات الكبرى وبكوبون إضافي عند التسوق من متجرنا.
        ادع أصدقاءك واكسب نقاط.
        عروض رمضان وصلت، خصم ٣٠ بالمئة على الأجهزة.
    """,
    "es": """
        50% de descuento en toda la tienda. ¡Compra ahora!
        Venta flash: usa el código promocional AHORRA20.
        No te lo pierdas, oferta por tiempo limitado.
        Oferta especial: envío gratis y regalo con tu compra.
        ¡Últimas unidades! Aprovecha los mejores precios.
        Llega el Black Friday con grandes rebajas.
        ¡Has ganado! Reclama tu premio hoy.
        2x1 en todos los zapatos, solo hoy.
        Liquidación total: descuentos de hasta el 70%.
        Última oportunidad, haz clic aquí para comprar.
        Invita a tus amigos y gana puntos.
        Nueva colección con precios increíbles, reserva ya.
    """,
    "fr": """
        50 % de réduction sur tout le magasin. Achetez maintenant !
        Vente flash : utilisez le code promo ECO20.
        Ne manquez pas notre offre à durée limitée.
        Offre spéciale : livraison gratuite et cadeau offert.
        Dépêchez-vous, stocks limités !
        Le Black Friday arrive : profitez-en, prix cassés.
        Vous avez gagné ! Réclamez votre cadeau.
        Un acheté, un offert, aujourd'hui seulement.
        Soldes d'été : jusqu'à 70 % et des bonnes affaires.
        Dernière chance, cliquez ici pour acheter.
        Parrainez vos amis et cumulez des points.
        Nouvelle collection à petits prix, commandez vite.
    """,
    "de": """
        50 % Rabatt auf alles. Jetzt kaufen!
        Flash Sale: mit dem Gutscheincode SPAR20 an der Kasse.
        Nicht verpassen: exklusive Angebote nur für kurze Zeit.
        Sonderangebot: gratis Versand und ein Geschenk zu jeder Bestellung.
        Beeilen Sie sich, solange der Vorrat reicht!
        Black Friday: Schnäppchen für alle.
        Sie haben gewonnen! Sichern Sie sich Ihren Preis.
        2 für 1 auf alle Schuhe, nur heute.
        Räumungsverkauf: bis zu 70 Prozent sparen, alles muss raus.
        Letzte Chance, greifen Sie zu!
        Freunde werben und Punkte sammeln.
        Neue Kollektion zum Sonderpreis, jetzt bestellen.
        Grosse Eroeffnung mit Neueroeffnung-Rabatten fuer alle.
    """,
    "pt": """
        50% de desconto em toda a loja. Compre agora!
        Promoção relâmpago: use o cupom POUPE20.
        Não perca, oferta por tempo limitado.
        Oferta especial: frete grátis e brinde exclusivo.
        Corra, últimas unidades!
        A Black Friday chegou com os melhores preços.
        Você ganhou! Resgate seu prêmio hoje.
        Leve 3 pague 2 em todos os sapatos, só hoje.
        Liquidação total: descontos de até 70%.
        Última chance, clique aqui para comprar.
        Indique um amigo e ganhe pontos.
        Nova coleção com preços incríveis, garanta já.
    """,
}


def _each(table, language):
    return [line.strip() for line in table[language].strip().splitlines()]


def _cases(table):
    return [(language, text) for language in LANGUAGES for text in _each(table, language)]


def _is_marketing(text):
    return len(content.marketing_hits(text)) >= content.MARKETING_THRESHOLD


@pytest.mark.parametrize(("language", "text"), _cases(SUPPORT))
def test_what_support_says_passes(language, text):
    assert not _is_marketing(text), (language, content.marketing_hits(text))


@pytest.mark.parametrize(("language", "text"), _cases(MARKETING))
def test_what_marketing_says_does_not(language, text):
    assert _is_marketing(text), (language, content.marketing_hits(text))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_a_serious_table_and_serious_tests(language):
    assert len(list(content._lines(EXPRESSIONS[language]))) >= 30
    assert len(_each(SUPPORT, language)) >= 15
    assert len(_each(MARKETING, language)) >= 10


def test_every_line_of_the_table_is_found_by_each_of_its_variants():
    for table in EXPRESSIONS.values():
        for name, *variants in content._lines(table):
            for variant in (name, *variants):
                assert len(content.marketing_hits(f"so, {variant}!")) == 1, variant


def test_no_variant_stands_twice_within_a_language():
    for table in EXPRESSIONS.values():
        spellings = [
            tuple(content._table_words(variant))
            for line in content._lines(table)
            for variant in line
        ]
        twice = {" ".join(words) for words in spellings if spellings.count(words) > 1}

        assert not twice


@pytest.mark.parametrize(
    "text",
    [
        "F\u200bl\u200da\u2060s\u00adh sale! Buy\u00a0now",
        "ＦＬＡＳＨ ＳＡＬＥ, ｂｕｙ ｎｏｗ",
        "𝐅𝐥𝐚𝐬𝐡 𝐬𝐚𝐥𝐞 𝐛𝐮𝐲 𝐧𝐨𝐰",
        "flash--sale...BUY_NOW",
        "*Flash*\n~sale~ _buy_ 👉now",
        "flásh sálé bùy nöw",
        "ultima oportunidad: codigo promocional",
        "offre speciale, duree limitee",
        "خَصْم ٥٠٪ ولفتـــرة محدوده",
        "بخصم %50 وللشراء الآن",
        "50%off 50 percent OFF buynow buy now",
    ],
)
def test_a_disguise_does_not_help(text):
    assert _is_marketing(text)


def test_hits_are_the_words_of_the_table_and_each_counts_once():
    text = "SAVE 33%! Flash  SALE, flash sales, save 12 percent. Ann, call 0512345678."

    assert content.marketing_hits(text) == ("save 50%", "flash sale")


def test_the_longest_expression_counts_alone():
    assert content.marketing_hits("a limited time offer") == ("limited time",)
    assert content.marketing_hits("flash sale: hot deal of the day") == ("flash sale", "best deal")


@pytest.mark.parametrize(
    "text", ["", " ", "!!!", "50%", "discountable couponing", "wholesale", "خصمنا"]
)
def test_a_part_of_a_word_is_no_hit(text):
    assert content.marketing_hits(text) == ()


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("see https://bit.ly/3abc", ("bit.ly",)),
        ("see bit.ly/3abc.", ("bit.ly",)),
        ("see BIT.LY.", ("bit.ly",)),
        ("(tinyurl.com)", ("tinyurl.com",)),
        ("http://www.t.co/x, and t.co!", ("t.co",)),
        ("https://go.rebrand.ly/x", ("rebrand.ly",)),
        ("promo.s.id", ("s.id",)),
        ("https://is.gd:443/x", ("is.gd",)),
        ("https://user:pass@cutt.ly/x", ("cutt.ly",)),
        ("https://example.com/?to=https://ow.ly/x", ("ow.ly",)),
        ("bit。ly/x", ("bit.ly",)),
        ("ｂｉｔ．ｌｙ", ("bit.ly",)),
        ("b\u200bit.ly", ("bit.ly",)),
        ("_*rb.gy/x*_", ("rb.gy",)),
        ("الرابطbit.ly/x", ("bit.ly",)),
        ("goo.gl/maps lnkd.in/x buff.ly/y", ("goo.gl", "lnkd.in", "buff.ly")),
        ("https://bit.ly./x", ("bit.ly",)),
    ],
)
def test_a_shortened_link_is_seen_however_it_is_written(text, hosts):
    assert content.shortener_hosts(text) == hosts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://wa.me/966512345678",
        "habit.ly.example.com habit.ly xbit.ly",
        "https://bit.ly.example.com/x",
        "https://example.com/bit.ly/x",
        "write to ann@bit.ly please",
        "https://maps.app.goo.gl/abc",
        "bit ly, bit. ly",
        "t.com and contact.co",
        "https://www.example.com/orders/4512",
        "..//..//.-.",
    ],
)
def test_any_other_link_is_none(text):
    assert content.shortener_hosts(text) == ()


@pytest.mark.parametrize("host", sorted(content.SHORTENERS))
def test_every_shortener_of_the_list_is_found(host):
    assert content.shortener_hosts(f"https://{host}/x") == (host,)
    assert host != "wa.me"


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("We are the BEST bank.", "best bank"),
        ("best-bank", "Best Bank!"),
        ("the ｂｅｓｔ  b\u200bánk", "best bank"),
        ("مع بنكـــنا الأوّل", "بنكنا الاول"),
        ("order 50 % of it", "50% of"),
        ("call ٩٢٠٠ now", "9200"),
        ("大促销活动", "促销"),
        ("ลดราคาวันนี้", "ราคา"),
        ("new bet365 site", "BET 365"),
    ],
)
def test_the_accounts_own_phrases_are_found_as_whole_words(text, phrase):
    assert content.blocked_phrases(text, ["nothing", phrase]) == (phrase,)


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("best banker", "best bank"),
        ("a best", "best bank"),
        ("interest", "rest"),
        ("anything", ""),
        ("anything !", "!"),
        ("", "word"),
        ("", ""),
    ],
)
def test_other_words_are_not_the_phrase(text, phrase):
    assert content.blocked_phrases(text, [phrase]) == ()


@pytest.mark.parametrize("characters", [4_096, 65_536])
@pytest.mark.parametrize(
    "unit",
    ["buy ", "50% ", "50", "% ", "1,", "a", "a.", "bit.ly ", "//", "/", "-", "@", "\u200b",
     "\u0301\u0323", "\ufdfa", "促", "ال", "خصم ", "وبالخصم ", "limited time ", "a ", "\x00"],
)  # fmt: skip
def test_a_hostile_text_is_read_in_milliseconds(unit, characters):
    text = unit * (characters // len(unit))
    phrases = [f"phrase {number}" for number in range(50)]

    started = time.perf_counter()
    content.marketing_hits(text)
    content.shortener_hosts(text)
    content.blocked_phrases(text, phrases)

    # A quadratic one takes minutes; the rest is room for a busy machine.
    assert time.perf_counter() - started < (0.1 if characters < 10_000 else 1.5)
