"""What marketing says and support does not, by language (ISO 639). A table for people to edit.

A line is one expression: its name, then the variants that count as the same, with `|` between; a
line that begins with `|` goes on with the one before. Case, accents, punctuation and Arabic
prefixes (ال و ف ب ك ل) do not matter, and `50%` stands for any percentage. Words that an ordinary
answer needs (price, offer, free, order, points) stand only in company: one expression in an answer
is harmless, two are not. What an ended promotion is called is one expression, and one for all
languages: support has to speak of it.
"""

EXPRESSIONS = {
    "en": """
        50% off | 50% discount | 50% cheaper | 50% extra free | half price | half off
        save 50% | save up to 50% | save big | big savings | huge savings | massive savings
          | mega savings | big discounts | huge discounts | massive discounts
        discount | discounts | discounted prices | discounted price | promo code | promotion code
          | promotional code | discount code | coupon code | voucher code | coupon | coupons
          | promo | promos | promotion | promotions | promotional
        special offer | special offers | special deal | special deals | special promotion
        exclusive offer | exclusive offers | exclusive deal | exclusive deals | exclusive discount
        limited time | limited time offer | limited time only | for a limited time
          | limited time deal | limited offer | limited offers
        offer ends | offer expires | offer valid until | offer valid | offer is valid | offers end
          | sale ends | sale starts | deal ends | our offers | latest offers | offer is only
          | this offer is | offers valid
        while stocks last | while stock lasts | while supplies last | limited stock | selling fast
          | only a few left | almost gone | limited seats | limited spots
        buy now | buy today | buy it now | buy yours | purchase now | buy online now
        shop now | shop today | shop online now | start shopping | shop the sale | shop our
        order now | order yours | order today and | order online now
        click here to buy | click here to order | click here to shop | click to buy
          | click to shop | tap to buy | tap here to buy | tap to shop | click the link to buy
          | click below to buy
        claim your gift | claim your prize | claim your reward | claim your discount
          | claim your offer | claim your bonus | claim yours | claim now | claim it now
          | claim your free
        best deal | best deals | best offer | best offers | great deals | great deal | hot deal
          | hot deals | amazing deals | amazing offers | unbeatable deals | top deals
          | crazy deals | great offers
        deal of the day | deals of the day | deal of the week | daily deals | weekly deals
        flash sale | flash sales | mega sale | big sale | super sale | biggest sale | huge sale
          | our sale
        clearance sale | end of season sale | everything must go | stock clearance
        summer sale | winter sale | spring sale | autumn sale | holiday sale | ramadan sale
          | eid sale | christmas sale | new year sale | anniversary sale
        black friday | cyber monday | white friday | singles day
        buy one get one | buy 1 get 1 | buy one get one free | buy 1 get 1 free | bogo | 2 for 1
          | two for one | 3 for 2 | three for two | buy 2 get 1 | buy two get one
        free gift | free gifts | gift with purchase | gift with every purchase | free sample
          | free samples
        try it free | try for free | try it for free | free trial today | start your free trial
        free shipping | free delivery | free shipping on
        lowest price | lowest prices | best price | best prices | unbeatable price
          | unbeatable prices | price drop | price drops | prices slashed | incredible prices
          | amazing prices
        special price | special prices | special rate | special rates | only today | today only
        new arrivals | new collection | just landed | brand new range | new in store
        don't miss out | dont miss out | do not miss out | don't miss this | dont miss this
          | do not miss this | don't miss our | do not miss our
        last chance | final chance | final hours | last few hours | hours left to
        act now | act fast | hurry | hurry up | be quick | don't wait
        you have won | you've won | you won | you are a winner | you're a winner
          | you are our lucky | lucky winner | you have been selected to receive
        cashback | cash back
        giveaway | giveaways | prize draw | lucky draw | raffle | sweepstakes | win a prize
          | chance to win
        sign up now | sign up today | join now | join today | register now | subscribe now
          | enroll now
        upgrade now | upgrade today and
        money back guarantee | risk free | no obligation | satisfaction guaranteed
          | 100% guaranteed
        refer a friend | refer your friends | tell your friends | invite your friends
          | share with friends
        double points | bonus points | earn points | triple points
        introductory offer | launch offer | opening offer | early bird | welcome offer
          | grand opening
        best seller | best sellers | bestseller | bestsellers | best selling
        book now | reserve now | book yours | reserve yours
        visit our store | visit our showroom | check out our new | check out our latest
          | check out our offers | discover our new | discover our | explore our new | explore our
        on sale now | now on sale | on sale today | sale is on | sale now on
        get yours | grab yours | grab it now | grab your | get it now | get it today
          | treat yourself
        make money | earn money | extra income | passive income | double your income | get rich
          | financial freedom | guaranteed profit | guaranteed returns
        no better time | once in a lifetime | never been cheaper | prices you'll love
        """,
    "ar": """
        خصم 50% | خصم يصل إلى 50% | خصم حتى 50% | 50% خصم | خصم بنسبة 50% | نصف السعر
        تخفيض 50% | تخفيض حتى 50% | تخفيض يصل إلى 50% | 50% تخفيض | تخفيض بنسبة 50%
          | تخفيضات حتى 50% | تخفيضات تصل إلى 50%
        وفر 50% | وفر حتى 50% | وفري 50% | وفر أكثر | وفروا | أقوى الخصومات | خصومات هائلة
        discount | خصم | خصومات | خصم خاص | خصم إضافي | كود الخصم | كود خصم | رمز الخصم | رمز خصم
          | كود الخصم الخاص | كود ترويجي | الكود الترويجي | كوبون | كوبونات | قسيمة شراء
          | قسائم شراء | قسيمة خصم | كوبون خصم
        تخفيض | تخفيضات | تخفيضات كبرى | تخفيضات هائلة | موسم التخفيضات | أكبر التخفيضات
        تنزيلات | موسم التنزيلات | تصفية | تصفيات | تصفية نهائية
        عرض خاص | عروض خاصة | العرض الخاص | عرضنا الخاص | عروضنا الخاصة
        عرض حصري | عروض حصرية | حصريا لك | حصريا لعملائنا | خصم حصري | خصومات حصرية
        عرض محدود | عروض محدودة | لفترة محدودة | فترة محدودة | لوقت محدود | لمدة محدودة
          | وقت محدود
        العرض ساري | العرض سار | العرض ينتهي | ينتهي العرض | تنتهي العروض | العروض سارية
          | انتهاء العرض
        حتى نفاد الكمية | حتى نفاذ الكمية | الكمية محدودة | كميات محدودة | كمية محدودة
          | قبل نفاد الكمية | قبل نفاذ الكمية | المقاعد محدودة | مقاعد محدودة
        اشتر الآن | اشتري الآن | اشتروا الآن | اشتر اليوم | الشراء الآن | للشراء الآن
        تسوق الآن | تسوقي الآن | تسوقوا الآن | ابدأ التسوق | تسوق معنا
        اطلب الآن | اطلبه الآن | اطلبها الآن | اطلبي الآن | اطلبوا الآن | اطلب اليوم
        اضغط هنا للشراء | انقر هنا للشراء | اضغط للشراء | اضغط للطلب | اضغط هنا للطلب
          | انقر للشراء | اضغط على الرابط للشراء | اضغط على الرابط للطلب
        احصل على هديتك | استلم هديتك | احصل على جائزتك | استلم جائزتك | احصل على خصمك
        احصل عليه الآن | احصل عليها الآن | احجز نسختك | احجز الآن | احجزي الآن | احجزوا الآن
          | احجز مقعدك
        أفضل العروض | أقوى العروض | أحدث العروض | أجمل العروض | عروض مذهلة | عروض رائعة
          | عروض لا تقاوم | عروض لا تفوت | عروض قوية | عروضنا | أحلى العروض
        عرض اليوم | عروض اليوم | صفقة اليوم | عرض الأسبوع | عروض الأسبوع | عروض نهاية الأسبوع
        عروض رمضان | عروض العيد | عروض الصيف | عروض الشتاء | عروض اليوم الوطني | عروض نهاية العام
          | عروض العودة للمدارس
        الجمعة البيضاء | الجمعة السوداء | الجمعة الصفراء | يوم العزاب | يوم التأسيس عروض
        اشتر واحدة واحصل | اشتر قطعة واحصل | اشتر واحد واحصل | اشتري واحدة واحصلي
          | قطعتين بسعر قطعة | اشتر 1 واحصل | اشتر قطعتين واحصل | والثانية مجانا | والثاني مجانا
          | الثانية مجانا
        هدية مجانية | هدايا مجانية | هدية مع كل | هديتك المجانية | عينة مجانية | عينات مجانية
        جرب مجانا | جربه مجانا | تجربة مجانية | جربها مجانا
        شحن مجاني | توصيل مجاني | الشحن مجانا | التوصيل مجانا | شحن مجانا | توصيل مجانا
        أقل الأسعار | أفضل الأسعار | أفضل سعر | أقل سعر | أرخص الأسعار | أسعار لا تقاوم
          | أسعار منافسة | أسعار مذهلة | أسعار مميزة | أرخص سعر
        سعر خاص | أسعار خاصة | بسعر مميز | سعر مميز | اليوم فقط | لليوم فقط
        وصل حديثا | وصلنا حديثا | تشكيلة جديدة | تشكيلتنا الجديدة | مجموعتنا الجديدة
          | أحدث المنتجات
        لا تفوت | لا تفوتي | لا تفوتوا | لا تفوتك | لا يفوتك | لا تفوت الفرصة | لا تفوتكم
          | لا يفوتكم
        الفرصة الأخيرة | آخر فرصة | فرصة أخيرة | فرصة ذهبية | فرصة لا تعوض | اغتنم الفرصة
          | فرصتك الأخيرة
        سارع | سارعوا | سارعي | أسرع قبل | عجل قبل | بادر الآن | بادر بالشراء | سارع بالحجز
          | سارع بالشراء
        لقد ربحت | مبروك ربحت | أنت الفائز | لقد فزت | مبروك فزت | تم اختيارك للفوز
        كاش باك | كاشباك
        سحوبات | اربح | اربحي | فرصة للفوز | فرصة الفوز | ادخل السحب | جوائز قيمة | سحب على جوائز
          | السحب على جائزة | السحب على سيارة
        سجل الآن | سجلي الآن | اشترك الآن | اشتركي الآن | انضم الآن | انضم إلينا الآن | سجلوا الآن
        ضمان استرجاع المال | بدون مخاطرة | بدون التزام | ضمان استرداد المال
        ادع أصدقاءك | شارك أصدقاءك | ادعو أصدقاءك | أرسل لأصدقائك | شاركها مع أصدقائك
        نقاط مضاعفة | ضاعف نقاطك | اكسب نقاط | نقاط إضافية مجانا
        عرض الافتتاح | عروض الافتتاح | بمناسبة الافتتاح | الافتتاح الكبير | عرض ترحيبي
        الأكثر مبيعا | الأعلى مبيعا
        زوروا معرضنا | زر متجرنا | زوروا متجرنا | تفضل بزيارة معرضنا | اكتشف تشكيلتنا
          | اكتشف عروضنا | اكتشفي تشكيلتنا | اكتشف المزيد من العروض | تصفح عروضنا
        دخل إضافي | اربح المال | ضاعف دخلك | أرباح مضمونة | ربح مضمون | دخل شهري مضمون
        """,
    "es": """
        50% de descuento | descuento del 50% | 50% dto | 50% menos | hasta 50% de descuento
          | descuentos de hasta el 50% | 50% off | mitad de precio | descuento de 50%
        ahorra 50% | ahorra un 50% | ahorra hasta un 50% | ahorra hasta 50% | ahorra más
          | gran ahorro | descuentazo | descuentazos | superdescuento | grandes descuentos
        rebaja del 50% | rebajas | rebajado | rebajados | grandes rebajas | rebajas de verano
          | rebajas de invierno | rebajas de enero | precios rebajados
        discount | descuento | descuentos | código promocional | código de descuento
          | códigos de descuento | código promo | cupón de descuento | código de promoción
          | cupones de descuento | cupón | cupones | promo | promos | promoción | promociones
          | promocional
        oferta especial | ofertas especiales | oferta increíble | ofertas increíbles
          | super oferta
        oferta exclusiva | ofertas exclusivas | exclusivo para ti | descuento exclusivo
        oferta limitada | ofertas limitadas | tiempo limitado | por tiempo limitado
          | oferta por tiempo | plazas limitadas
        oferta válida | nuestras ofertas | ofertas válidas | oferta termina | oferta acaba
          | oferta es válida | oferta finaliza
        hasta agotar existencias | hasta fin de existencias | últimas unidades
          | unidades limitadas | stock limitado | antes de que se agote | se agotan
        compra ahora | compre ahora | cómpralo ya | compra ya | compra hoy | cómpralo ahora
          | compra online ya | compra aquí
        pide ahora | pide ya | pídelo ya | ordena ahora | haz tu pedido ya | pídelo ahora
          | pide el tuyo
        haz clic aquí para comprar | clic aquí para comprar | haga clic para comprar
          | pulsa para comprar | haz clic y compra | toca para comprar | haz clic para comprar
        reclama tu premio | reclama tu regalo | consigue tu regalo | obtén tu regalo
          | llévate gratis | reclama tu descuento | consigue tu descuento | llévate de regalo
          | llévate un regalo
        mejores ofertas | la mejor oferta | ofertones | ofertón | grandes ofertas | mega ofertas
          | ofertazas | ofertas imperdibles | ofertas únicas | superofertas
        oferta del día | ofertas del día | oferta de la semana | ofertas de la semana | solo hoy
          | solo por hoy | sólo este fin de semana
        oferta flash | ofertas flash | venta flash | venta relámpago | oferta relámpago
          | gran venta
        liquidación | liquidación total | liquidamos todo | liquidación de temporada
          | fin de temporada
        black friday | viernes negro | cyber monday | hot sale | buen fin | día sin iva | hot days
        2x1 | 3x2 | dos por uno | tres por dos | segunda unidad | compra uno y llévate
          | compra 1 y llévate | compra uno lleva | lleva 2 paga | lleva 3 paga | 2 por 1
          | 3 por 2
        regalo gratis | regalo seguro | de regalo con tu compra | muestra gratis | muestras gratis
          | regalo con tu compra
        prueba gratis | pruébalo gratis | pruébala gratis | completamente gratis
          | totalmente gratis
        envío gratis | envíos gratis | envío gratuito | envíos gratuitos | entrega gratis
        mejor precio | mejores precios | precio más bajo | precios más bajos | precios bajos
          | precios increíbles | precio irrepetible | precios de locura | bajada de precios
        precio especial | precios especiales | precio exclusivo | tarifa especial
          | precio de lanzamiento
        nueva colección | recién llegado | recién llegados | novedades de temporada
          | nueva temporada
        no te lo pierdas | no te la pierdas | no se lo pierda | no te pierdas | no dejes pasar
          | no dejes escapar | no se pierda | no te las pierdas | no te los pierdas
        última oportunidad | últimas horas | últimos días | última llamada | oportunidad única
        date prisa | corre que | apresúrate | apúrate | actúa ya | actúa ahora | aprovecha
          | aprovéchalo | aprovecha ya | aprovecha ahora | aproveche | no esperes más
        has ganado | ha ganado un | eres el ganador | eres ganador | felicidades has ganado
          | ganaste
        cashback | reembolso en tu compra | devolución en efectivo
        sorteo | sorteos | gran sorteo | participa y gana | gana premios | gana un viaje | rifa
        regístrate ya | inscríbete ya | suscríbete ya | apúntate ya | únete ya | regístrate ahora
          | inscríbete ahora | suscríbete ahora | únete ahora | apúntate ahora | inscríbete hoy
        garantía de devolución de dinero | sin compromiso | sin riesgo | satisfacción garantizada
        invita a tus amigos | recomienda a un amigo | invita a un amigo | comparte con tus amigos
        puntos dobles | gana puntos | doble de puntos | acumula puntos
        oferta de lanzamiento | oferta de bienvenida | oferta de apertura | gran inauguración
        más vendido | más vendidos | superventas | los más vendidos
        reserva ya | reserva ahora | reserve ya | reserva tu plaza | asegura tu plaza
        visita nuestra tienda | descubre nuestra | descubre nuestras | descubre nuestros
          | visítanos y | conoce nuestras ofertas | conoce nuestra nueva
        gana dinero | ingresos extra | dinero fácil | ingresos pasivos | ganancias garantizadas
        """,
    "fr": """
        50% de réduction | 50% de remise | réduction de 50% | remise de 50% | moins 50%
          | 50% de rabais | jusqu'à 50% | 50% offerts | rabais de 50% | moitié prix | 50% de promo
        économisez 50% | économisez jusqu'à 50% | économisez | profitez de 50% | grosses économies
          | remise exceptionnelle | remises exceptionnelles
        discount | réduction | réductions | rabais | prix réduits | remises | code promo
          | codes promo | code promotionnel | code de réduction | code réduction | code avantage
          | bon de réduction | bons de réduction | coupon | coupons | bon d'achat offert
          | chèque cadeau | promo | promos | promotion | promotions | promotionnel
          | promotionnelle
        offre spéciale | offres spéciales | offre exceptionnelle | offres exceptionnelles
          | super offre
        offre exclusive | offres exclusives | exclusivité pour vous | en exclusivité
          | vente privée | ventes privées
        offre limitée | offres limitées | durée limitée | temps limité | offre à durée limitée
          | pour une durée limitée | places limitées | édition limitée
        offre valable | fin de l'offre | offre valide | nos offres | offres valables
          | offre expire | offre se termine | l'offre prend fin
        jusqu'à épuisement des stocks | dans la limite des stocks | stocks limités | stock limité
          | quantités limitées | dernières pièces | quantité limitée | avant rupture
        achetez maintenant | acheter maintenant | achetez vite | achetez dès maintenant | j'achète
          | achetez aujourd'hui | achetez en ligne
        commandez maintenant | commandez vite | commandez dès maintenant | commandez le vôtre
          | commandez dès aujourd'hui | commandez aujourd'hui | commander maintenant
        cliquez ici pour acheter | cliquez ici pour commander | cliquez pour acheter
          | cliquez ici pour en profiter | cliquez pour en profiter | cliquez pour commander
        réclamez votre cadeau | recevez votre cadeau | obtenez votre cadeau | réclamez votre prix
          | recevez un cadeau | votre cadeau vous attend | recevez en cadeau
        bon plan | bons plans | bonne affaire | bonnes affaires | meilleure offre
          | meilleures offres | offre incroyable | offres incroyables
        offre du jour | offres du jour | offre de la semaine | offres de la semaine
          | aujourd'hui seulement | seulement aujourd'hui | uniquement aujourd'hui
          | ce week end seulement
        vente flash | ventes flash | offre flash | offres flash | grande vente | braderie
        soldes | soldes d'été | soldes d'hiver | grandes soldes
        déstockage | liquidation | liquidation totale | fin de série | fins de série
          | tout doit disparaître
        black friday | vendredi noir | cyber monday | french days | vendredi fou
        un acheté un offert | 1 acheté 1 offert | un acheté le deuxième | 2 pour 1 | deux pour un
          | 3 pour 2 | le deuxième offert | la deuxième offerte | 2 achetés | deux achetés
        cadeau gratuit | cadeaux gratuits | cadeau offert | cadeaux offerts | en cadeau pour
          | échantillon gratuit | échantillons gratuits | cadeau pour tout achat
        essai gratuit | essayez gratuitement | 100% gratuit | entièrement gratuit
          | totalement gratuit
        livraison gratuite | livraison offerte | frais de port offerts | expédition gratuite
          | livraisons gratuites | port offert
        meilleur prix | meilleurs prix | prix le plus bas | prix les plus bas | petits prix
          | prix bas | prix imbattable | prix imbattables | prix cassés | prix choc
          | baisse de prix | prix fous
        prix spécial | prix spéciaux | tarif spécial | tarif préférentiel | prix exceptionnel
          | prix exceptionnels | prix de lancement
        nouvelle collection | nouveaux arrivages | vient d'arriver en magasin
          | nouveautés de la saison
        ne manquez pas | ne ratez pas | à ne pas manquer | ne passez pas à côté
          | ne laissez pas passer | ne manque pas
        dernière chance | dernières heures | derniers jours | dernières places | occasion unique
          | dernier jour pour en profiter
        dépêchez vous | faites vite | agissez maintenant | n'attendez plus
        profitez en | profitez de nos | profitez vite | profitez dès maintenant
          | profitez de cette | en profiter | profitez d'une | profitez de l'offre
          | profitez de notre
        vous avez gagné | vous êtes le gagnant | vous êtes l'heureux | heureux gagnant
          | tentez de gagner | tentez votre chance
        cashback | remboursé en bons
        tirage au sort | jeu concours | jeux concours | grand concours | tombola | à gagner
          | gagnez un
        inscrivez vous vite | inscrivez vous maintenant | abonnez vous maintenant
          | inscrivez vous dès maintenant | rejoignez nous vite | abonnez vous vite
        satisfait ou remboursé | sans risque | satisfaction garantie | sans obligation
          | sans obligation d'achat
        parrainez un ami | parrainez vos amis | invitez vos amis | partagez avec vos amis
          | parrainage
        points doublés | doublez vos points | gagnez des points | cumulez des points
        offre de lancement | offre de bienvenue | offre d'ouverture | grande ouverture
        meilleure vente | meilleures ventes | best seller | best sellers | le plus vendu
          | les plus vendus
        réservez vite | réservez maintenant | réservez votre place | réservez dès maintenant
          | réservez la vôtre
        venez découvrir | découvrez nos | découvrez notre | visitez notre magasin
          | visitez notre boutique | faites vous plaisir | craquez pour
        gagnez de l'argent | revenus complémentaires | argent facile | revenu passif
          | gains garantis
        """,
    "de": """
        50% Rabatt | 50% reduziert | 50% günstiger | 50% Nachlass | 50% billiger | 50% auf alles
          | halber Preis | zum halben Preis | 50% off | 50% Preisnachlass | 50% Ermäßigung
        sparen Sie 50% | spare 50% | bis zu 50% sparen | sparen Sie bis zu 50% | 50% sparen
          | jetzt sparen | spare bis zu 50% | sparen Sie jetzt | kräftig sparen | spar dir
          | Rabattaktion | Rabattaktionen | Sonderrabatt | Riesenrabatte
        discount | Rabatt | Rabatte | Rabatten | Preisnachlass | Preisnachlässe | Neukundenrabatt
          | Treuerabatt | Rabattcode | Rabattcodes | Gutscheincode | Gutscheincodes | Aktionscode
          | Promocode | Promo Code | Rabatt Code | Gutschein Code | Coupon | Coupons
          | Rabattgutschein | Rabattcoupon | Einkaufsgutschein geschenkt | Promo | Promotion
          | Promotions | Werbeaktion | Verkaufsaktion
        Sonderangebot | Sonderangebote | Sonderangeboten | Sonderaktion | Spezialangebot
          | Topangebot | Aktionsangebot | Superangebot | Knallerangebot | Sparangebot
        exklusives Angebot | exklusive Angebote | exklusiv für Sie | exklusiv für dich
          | exklusiver Rabatt | exklusive Vorteile
        nur für kurze Zeit | zeitlich begrenzt | begrenzte Zeit | befristetes Angebot
          | limitiertes Angebot | limitierte Auflage | begrenzte Plätze | nur kurze Zeit
          | für kurze Zeit
        Angebot endet | Angebot gilt | Angebot gültig | Aktion endet | Aktion gilt
          | Angebote gelten | Aktion läuft | unsere Angebote
        solange der Vorrat reicht | solange Vorrat reicht | begrenzte Stückzahl | nur noch wenige
          | fast ausverkauft | begrenzter Vorrat | streng limitiert
        jetzt kaufen | kaufen Sie jetzt | jetzt online kaufen | gleich kaufen | kauf jetzt
          | heute noch kaufen | kaufe jetzt
        jetzt shoppen | jetzt einkaufen | jetzt stöbern | shoppen Sie | shoppe jetzt
        jetzt bestellen | bestellen Sie jetzt | gleich bestellen | heute noch bestellen
          | bestelle jetzt | sofort bestellen | bestell jetzt
        hier klicken und kaufen | klicken Sie hier und kaufen | klicken Sie hier um zu kaufen
          | klick und kauf | hier klicken und sparen | klicken und sparen
          | hier klicken und bestellen
        sichern Sie sich | sichere dir | jetzt sichern | Geschenk sichern | Rabatt sichern
          | jetzt abholen | holen Sie sich jetzt | hol dir | gleich sichern
        beste Angebote | besten Angebote | Top Angebote | Topangebote | Angebot des Tages
          | Angebote der Woche | Angebot der Woche | Tagesangebot | Wochenangebote
          | tolle Angebote | unschlagbare Angebote | Mega Angebote | Tagesangebote
        Schnäppchen | Schnäppchenjäger | Super Schnäppchen | Schnäppchenpreis | Schnäppchenpreise
          | Mega Deal | Mega Deals | Deal des Tages | Top Deals | unsere Deals
        Flash Sale | Blitzangebot | Blitzangebote | Summer Sale | Winter Sale | Mid Season Sale
          | großer Sale | im Sale | unser Sale | Mega Sale | Final Sale | Sommer Sale
        Schlussverkauf | Sommerschlussverkauf | Winterschlussverkauf | Räumungsverkauf
          | Ausverkauf | Lagerverkauf | Abverkauf | alles muss raus | Totalausverkauf
        Black Friday | Cyber Monday | Black Week | Cyber Week | Singles Day
        2 für 1 | zwei für eins | 3 für 2 | drei für zwei | zwei zum Preis von einem
          | 2 zum Preis von 1 | kaufe eins | kauf 1 | 3 zum Preis von 2
        Gratisgeschenk | gratis Geschenk | kostenloses Geschenk | gratis dazu | geschenkt dazu
          | Gratisprobe | Geschenk zu jeder | Gratis Zugabe | als Geschenk dazu
        kostenlos testen | gratis testen | unverbindlich testen | völlig kostenlos
          | 100% kostenlos
        gratis Versand | Gratisversand | kostenloser Versand | versandkostenfrei
          | kostenlose Lieferung | portofrei | gratis Lieferung
        bester Preis | beste Preise | besten Preise | besten Preis | günstigste Preise
          | niedrigster Preis | Tiefpreis | Tiefpreise | Bestpreis | Bestpreise | Tiefstpreise
          | Preissturz | Preisknaller | unschlagbarer Preis | unschlagbare Preise
          | unschlagbaren Preisen | Hammerpreise
        Sonderpreis | Sonderpreise | Aktionspreis | Aktionspreise | Vorzugspreis | Sparpreis
          | nur heute | Einführungspreis | zum Sonderpreis | Sparpreise
        neue Kollektion | Neuheiten entdecken | frisch eingetroffen | neu eingetroffen
          | neuen Kollektion
        nicht verpassen | verpassen Sie nicht | verpasse nicht | lassen Sie sich nicht entgehen
          | nicht entgehen lassen | nicht entgehen | verpass nicht
        letzte Chance | letzte Gelegenheit | letzte Stunden | letzten Stunden
          | einmalige Gelegenheit | einmalige Chance | Endspurt
        beeilen Sie sich | beeil dich | jetzt handeln | greifen Sie zu | greif zu
          | schnell zugreifen | schlagen Sie zu | nicht lange zögern
        Sie haben gewonnen | du hast gewonnen | Sie sind der Gewinner | glücklicher Gewinner
        Cashback | Geld zurück Aktion | Cashback Aktion
        Gewinnspiel | Gewinnspiele | Verlosung | Verlosungen | jetzt gewinnen
          | mitmachen und gewinnen | tolle Preise gewinnen | zu gewinnen
        jetzt anmelden und sparen | melden Sie sich jetzt | jetzt Mitglied werden
          | jetzt registrieren | jetzt abonnieren | Newsletter abonnieren | jetzt beitreten
        Geld zurück Garantie | ohne Risiko | risikofrei | völlig unverbindlich
          | Zufriedenheitsgarantie | ganz ohne Risiko
        Freunde werben | Freunde einladen | Freunde werben Freunde | empfehlen Sie uns weiter
          | laden Sie Ihre Freunde | lade deine Freunde | teile mit Freunden
        doppelte Punkte | Bonuspunkte | Punkte sammeln | Extrapunkte | Treuepunkte geschenkt
        Einführungsangebot | Willkommensangebot | Eröffnungsangebot | Frühbucherrabatt
          | Frühbucher | Neueröffnung | Willkommensbonus | Willkommensrabatt | große Eröffnung
        Bestseller | Topseller | Verkaufsschlager | meistverkauft | meistverkaufte
        jetzt buchen | jetzt reservieren | buchen Sie jetzt | Platz sichern | buche jetzt
        entdecken Sie unsere | entdecke unsere | entdecken Sie jetzt | jetzt entdecken
          | stöbern Sie | besuchen Sie unseren Shop | gönnen Sie sich | gönn dir
          | besuchen Sie unser Geschäft
        Geld verdienen | Nebeneinkommen | schnelles Geld | passives Einkommen
          | garantierte Rendite
        """,
    "pt": """
        50% de desconto | desconto de 50% | 50% off | descontos de até 50% | até 50% de desconto
          | 50% mais barato | metade do preço | 50% desconto | 50% de desc
        economize 50% | economize até 50% | poupe 50% | poupe até 50% | economize | poupe já
          | poupe mais | descontão | superdesconto | superdescontos | descontaço | superpromoção
          | mega promoção | grandes descontos
        discount | desconto | descontos | código promocional | código de desconto
          | códigos de desconto | código promo | cupom de desconto | cupons de desconto
          | cupão de desconto | cupom | cupons | cupão | cupões | vale desconto | vale compras
          | promo | promoção | promoções | promocional | promocionais
        oferta especial | ofertas especiais | oferta imperdível | ofertas imperdíveis
          | super oferta | oferta incrível | ofertas incríveis | superofertas
        oferta exclusiva | ofertas exclusivas | exclusivo para você | exclusivo para si
          | desconto exclusivo | condições exclusivas
        oferta limitada | ofertas limitadas | tempo limitado | por tempo limitado
          | vagas limitadas | edição limitada | lugares limitados
        oferta válida | promoção válida | ofertas válidas | nossas ofertas | as nossas ofertas
          | oferta termina | oferta acaba
        enquanto durarem os estoques | enquanto durar o estoque | últimas unidades
          | estoque limitado | stock limitado | até ao fim do stock | unidades limitadas
          | antes que acabe | últimas peças | enquanto houver stock | salvo ruptura de stock
          | limitado ao stock
        compre agora | compre já | compre hoje | comprar agora | compra já | compre o seu
          | compre online já | compra agora
        peça agora | peça já | encomende já | encomende agora | peça o seu | faça já o seu pedido
          | encomende hoje | peça hoje
        clique aqui para comprar | clique para comprar | clique aqui e compre | clique e compre
          | toque para comprar | clique no link e compre | clique e aproveite | clique e garanta
        resgate seu prêmio | resgate seu presente | ganhe um presente | receba um presente
          | ganhe grátis | ganhe um brinde | resgate seu brinde | garanta o seu | garanta já
          | garanta a sua | garanta agora | resgate seu cupom | garante já | garanta seu
        melhores ofertas | melhor oferta | grandes ofertas | mega ofertas | ofertão | ofertões
        oferta do dia | ofertas do dia | oferta da semana | ofertas da semana | só hoje
          | somente hoje | apenas hoje | só este fim de semana | só neste fim de semana
        oferta relâmpago | ofertas relâmpago | venda relâmpago | promoção relâmpago | venda flash
          | vendas flash | oferta flash
        liquidação | liquidação total | queima de estoque | saldão | saldos de verão
          | saldos de inverno | queima total | liquida tudo | bota fora | época de saldos
          | em saldos
        black friday | cyber monday | black week | dia do consumidor | esquenta black friday
        2 por 1 | dois por um | 3 por 2 | leve 2 pague | leve 3 pague | leve dois pague
          | leve três pague | compre 1 leve | compre um leve | compre um e leve | compre 1 e leve
          | leve mais por menos
        brinde grátis | brindes grátis | brinde exclusivo | brindes exclusivos | presente grátis
          | de brinde | amostra grátis | amostras grátis | oferta de um brinde
        teste grátis | experimente grátis | totalmente grátis | inteiramente grátis
          | completamente grátis | 100% grátis | experimente gratuitamente
        frete grátis | frete gratuito | entrega grátis | portes grátis | envio grátis
          | portes gratuitos | entrega gratuita | envio gratuito | portes de envio grátis
        melhor preço | melhores preços | menor preço | menores preços | preço mais baixo
          | preços baixos | preços mais baixos | preços incríveis | preço imbatível
          | preços imbatíveis | precinho | preços imperdíveis | preços arrasadores
          | baixou o preço | preço baixou
        preço especial | preços especiais | condição especial | condições especiais
          | preço promocional | preços promocionais | preço de lançamento | tarifa especial
        nova coleção | acabou de chegar | novidades da estação | lançamento imperdível
          | nova colecção
        não perca | não percam | não perca tempo | não deixe passar | não deixe escapar
          | não fique de fora | não deixe para depois | imperdível | imperdíveis
        última chance | última oportunidade | últimas horas | últimos dias | últimas vagas
          | oportunidade única | reta final
        corra | corre que | apresse se | se apresse | aja agora | aproveite | aproveite já
          | aproveite agora | aproveita | aproveitem | não espere mais
        você ganhou | você foi sorteado | parabéns você ganhou | ganhou um prémio | foi o vencedor
        cashback | dinheiro de volta
        sorteio | sorteios | concorra | concorra a | participe e ganhe | ganhe prêmios | rifa
          | passatempo
        inscreva se já | inscreva se agora | assine já | assine agora | cadastre se já
          | cadastre se agora | inscreva se hoje | registe se já | adira já | cadastre se e ganhe
        garantia de devolução do dinheiro | sem compromisso | sem risco | satisfação garantida
          | sem riscos | satisfação total
        indique um amigo | indique amigos | convide seus amigos | convide amigos | indique e ganhe
          | convide os seus amigos | compartilhe com amigos | partilhe com amigos
        pontos em dobro | ganhe pontos | acumule pontos | pontos a dobrar
        oferta de lançamento | oferta de boas vindas | oferta de inauguração | grande inauguração
        mais vendido | mais vendidos | campeão de vendas | campeões de vendas | mais vendida
          | mais vendidas
        reserve já | reserve agora | reserve o seu | garanta sua vaga | garanta a sua vaga
          | reserve hoje | reserve a sua
        visite nossa loja | visite a nossa loja | conheça nossas ofertas | confira nossas
          | confira nossa | confira as ofertas | descubra nossa | descubra a nossa
          | descubra as nossas | venha conferir | conheça a nossa nova | venha aproveitar
        ganhe dinheiro | renda extra | dinheiro fácil | renda passiva | lucro garantido
          | rendimento extra
        """,
}

# What looks like marketing and is not: it uses its words up without counting. In Arabic, what is
# deducted from an account has the same name as a discount.
INNOCENT = """
    no hurry | in a hurry | don't hurry | promotion to | your order now | order now has
    | your order today
    تم خصم | يتم خصم | سيتم خصم | خصم المبلغ | خصم مبلغ | خصم قيمة | خصم الرسوم | خصم رسوم
    | خصم من حسابك | خصم من رصيدك | الخصم من حسابك | خصم من البطاقة | خصم من بطاقتك | جهة الخصم
    | بطاقة الخصم
    """
