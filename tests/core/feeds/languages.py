"""Headlines and sentences in thirty languages, made up, with the legacy encodings they come in.

Each headline is a subject, a verb phrase and a complement of its language, so that any number of
short documents can be made that no rule was written for.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple


class Language(NamedTuple):
    """One language: its legacy encodings, as labels of feeds name them, and parts of headlines."""

    encodings: tuple[str, ...]
    subjects: str  # parts are parted by a vertical line
    verbs: str
    complements: str
    space: str = " "


LANGUAGES = {
    "sv": Language(
        ("iso-8859-1", "windows-1252", "iso-8859-15"),
        "Regeringen|Två åkare från Skåne|Färjan över älven|Länsstyrelsen",
        "antar ny lag|söker fler lärare|får lägre hyra|höjer avgiften",
        "på tisdag|för små kommuner|i år|efter snöfallet",
    ),
    "fi": Language(
        ("iso-8859-1", "windows-1252", "iso-8859-15"),
        "Hallitus|Kyläkoulu Äänekoskella|Lämmin syyssää|Yhtiön johtaja",
        "hyväksyi lain|päättyy tänään|jää eläkkeelle|myöntää virheen",
        "kesäkuussa|pitkän väännön jälkeen|ensi yönä|metsäalueella",
    ),
    "it": Language(
        ("iso-8859-1", "windows-1252", "iso-8859-15"),
        "Il Comune di Forlì|La città|L'università|Perché il caffè",
        "è più caro|chiuderà lunedì|sarà più verde|approverà la legge",
        "già da giovedì|nonostante la siccità|così come promesso|in metà delle scuole",
    ),
    "ca": Language(
        ("iso-8859-1", "windows-1252", "iso-8859-15"),
        "El Govern|La companyia|L'estació de Lleida|Els veïns",
        "aprovarà la llei d'aigües|reclamen més places|obrirà demà|col·laboren amb l'hospital",
        "després de l'estiu|per què plou menys|el març que ve|a l'àrea metropolitana",
    ),
    "da": Language(
        ("iso-8859-1", "windows-1252", "iso-8859-15"),
        "Færgen til Ærø|Københavns borgmester|Små øer|Rådet",
        "får større bølger|lukker før påske|åbner ny skole|foreslår lavere skat",
        "på tirsdag|efter årsskiftet|nær søen|i går",
    ),
    "nb": Language(
        ("iso-8859-1", "windows-1252", "iso-8859-15"),
        "Stortinget|Båten fra Tromsø|Nærbutikken|Været på Østlandet",
        "får støtte|øker prøveperioden|går på grunn|må vente",
        "før jul|på lørdag|ved sjøen|i år også",
    ),
    "de": Language(
        ("iso-8859-1", "windows-1252", "iso-8859-15"),
        "Die Straßenbahn|Münchner Bürger|Das Öl|Der Flußpegel",
        "fährt später|ändern Pläne|schließt früher|wählt für Köln",
        "ab März|über Nacht|trotz Kälte|in größter Not",
    ),
    "fr": Language(
        ("iso-8859-1", "windows-1252", "iso-8859-15"),
        "L'école primaire|Le maire élu|Où la grève|Une forêt protégée",
        "a été fermée|sera réélu|dépasse l'été|recule déjà",
        "après Noël|à Besançon|grâce aux bénévoles|malgré la sécheresse",
    ),
    "es": Language(
        ("iso-8859-1", "windows-1252", "iso-8859-15"),
        "El niño|La Comisión|¿Por qué el año|La montaña",
        "pidió más días|cayó ayer|cerrará el túnel|ganó la votación",
        "en Málaga|según el informe|después del sábado|¡por fin!",
    ),
    "pt": Language(
        ("iso-8859-1", "windows-1252", "iso-8859-15"),
        "A eleição|O avião|São João|A câmara",
        "não terá emissões|aprovará a lei|começa amanhã|é o mais visto",
        "no verão|às três horas|na região|até sábado",
    ),
    "is": Language(
        ("iso-8859-1", "windows-1252", "iso-8859-15"),
        "Ríkisstjórnin|Ferjan til Vestmannaeyja|Skólinn á Ísafirði|Veðrið",
        "samþykkti lög|sækir um fé|lokar í dag|fær þriðju viðurkenningu",
        "á þriðjudag|vegna óveðurs|í fyrsta sinn|við höfnina",
    ),
    "et": Language(
        ("windows-1257", "iso-8859-15", "iso-8859-13"),
        "Valitsus|Tänane öö|Küla kool|Põllumees",
        "võttis vastu otsuse|sõidab mööda jõge|lõpetab töö|ööbib külmas",
        "järgmisel nädalal|pärast jõule|väikeses külas|üle ootuste",
    ),
    "lt": Language(
        ("windows-1257", "iso-8859-13", "iso-8859-4"),
        "Vyriausybė|Šiaulių mokykla|Žvejų sąjunga|Mėlynių ūkis",
        "patvirtino įstatymą|ieško mokytojų|išvyks į jūrą|mažina kainą",
        "antradienį|dėl sausros|prieš šventes|ąžuolų giraitėje",
    ),
    "lv": Language(
        ("windows-1257", "iso-8859-13", "iso-8859-4"),
        "Valdība|Rīgas skolēni|Kuģis uz Ventspili|Mežsaimnieks",
        "apstiprināja likumu|kļūst lētāks|meklē jaunu ēku|brīdina par ledu",
        "otrdien|šogad|pēc vētras|mazā ciematā",
    ),
    "pl": Language(
        ("iso-8859-2", "windows-1250", "iso-8859-16"),
        "Rząd|Łódź|Źródło rzeki|Mieszkańcy wsi",
        "przyjął ustawę|będzie droższa|wyschło całkiem|żądają mostu",
        "we wtorek|w święta|na początku września|mimo śnieżycy",
    ),
    "cs": Language(
        ("iso-8859-2", "windows-1250", "x-cp1250"),
        "Vláda|Říčka pod Ještědem|Škola v Písku|Děti",
        "schválila zákon|přetekla přes břeh|hledá učitele|půjdou pěšky",
        "v úterý|kvůli dešti|až příští týden|za žádnou cenu",
    ),
    "sk": Language(
        ("iso-8859-2", "windows-1250", "latin2"),
        "Vláda|Žiaci z Košíc|Mäsiar|Ľudia",
        "schválila zákon|odišli domov|predáva lacnejšie|hľadajú vŕbu",
        "v utorok|kvôli dažďu|až na jeseň|pri štúdiu",
    ),
    "hu": Language(
        ("iso-8859-2", "windows-1250", "iso-8859-16"),
        "A kormány|Győr városa|Az időjárás|Öt tűzoltó",
        "új törvényt fogadott el|később nyit|hűvösebb lesz|hősként tért vissza",
        "kedden|a jövő héten|két hónap után|szűk körben",
    ),
    "sl": Language(
        ("iso-8859-2", "windows-1250", "iso-8859-16"),
        "Vlada|Župan Črnomlja|Otroška šola|Češnje",
        "je sprejela zakon|išče učitelje|začenja graditi|že cvetijo",
        "v torek|zaradi žleda|še pred božičem|ob reki Savinji",
    ),
    "hr": Language(
        ("iso-8859-2", "windows-1250", "iso-8859-16"),
        "Vlada|Gradonačelnik Đakova|Škola u Čakovcu|Građani",
        "je usvojila zakon|traži učiteljicu|žele više zelenila|čeka odluku",
        "u utorak|zbog suše|iduće godine|kraj željeznice",
    ),
    "ro": Language(
        ("iso-8859-16", "windows-1250", "iso-8859-2"),
        "Guvernul|Primăria|Pădurea|Mâine Clujul",
        "a adoptat legea apei|cere sprijin în plus|rămâne închisă|vând casa",
        "în prezenta lună|după ninsoare|la finalul lui mai|lângă râu",
    ),
    "tr": Language(
        ("iso-8859-9", "windows-1254", "latin5"),
        "Hükümet|İzmir'de çocuklar|Küçük köyün okulu|Balıkçılar",
        "yeni yasayı onayladı|ağaç dikiyor|öğretmen arıyor|güneşe çıktı",
        "salı günü|kış gelmeden|şimdi açıldı|yağmur yüzünden",
    ),
    "el": Language(
        ("iso-8859-7", "windows-1253", "greek"),
        "Η κυβέρνηση|Το σχολείο του νησιού|Οι κάτοικοι|Ο καιρός",
        "ενέκρινε τον νόμο|κλείνει νωρίς|ζητούν γέφυρα|αλλάζει απότομα",
        "την Τρίτη|πριν από το Πάσχα|λόγω χιονιού|στην πόλη",
    ),
    "ru": Language(
        ("windows-1251", "koi8-r", "iso-8859-5"),
        "Правительство|Школа у реки|Жители посёлка|Мэр города",
        "приняло закон о воде|ищет учителей|ждут новый мост|снизил плату",
        "во вторник|после снегопада|до конца года|впервые",
    ),
    "uk": Language(
        ("windows-1251", "koi8-u", "x-mac-cyrillic"),
        "Уряд|Школа біля річки|Мешканці села|Її міський голова",
        "ухвалив закон про воду|шукає вчителів|чекають на міст|знизив платню",
        "у вівторок|після снігопаду|наприкінці року|вперше",
    ),
    "bg": Language(
        ("windows-1251", "iso-8859-5", "x-cp1251"),
        "Правителството|Училището край реката|Жителите|Кметът",
        "прие закон за водите|търси учители|чакат мост|намали таксата",
        "във вторник|след снега|до края на годината|за първи път",
    ),
    "he": Language(
        ("windows-1255", "iso-8859-8", "iso-8859-8-i"),
        "הממשלה|בית הספר בכפר|תושבי העיר|ראש העיר",
        "אישרה את חוק המים|מחפש מורים|מבקשים גשר|הוריד את המחיר",
        "ביום שלישי|אחרי השלג|עד סוף השנה|לראשונה",
    ),
    "ar": Language(
        ("windows-1256", "iso-8859-6", "x-cp1256"),
        "الحكومة|مدرسة القرية|سكان المدينة|رئيس البلدية",
        "وافقت على قانون المياه|تبحث عن معلمين|يطلبون جسرا|خفض الرسوم",
        "يوم الثلاثاء|بعد الثلوج|قبل نهاية العام|للمرة الأولى",
    ),
    "th": Language(
        ("windows-874", "tis-620", "iso-8859-11"),
        "รัฐบาล|โรงเรียนริมแม่น้ำ|ชาวบ้าน|นายกเทศมนตรี",
        "เห็นชอบกฎหมายน้ำ|รับสมัครครู|ขอสะพานใหม่|ลดค่าธรรมเนียม",
        "ในวันอังคาร|หลังฝนตก|ก่อนสิ้นปี|เป็นครั้งแรก",
        space="",
    ),
    "vi": Language(
        ("windows-1258", "x-cp1258", "cp1258"),  # marks of tones are characters of their own there
        "Chi\u0301nh phu\u0309|Trươ\u0300ng la\u0300ng|Ngươ\u0300i dân|Thi\u0323 trươ\u0309ng",
        "thông qua luâ\u0323t|ti\u0300m gia\u0301o viên|chơ\u0300 câ\u0300u mơ\u0301i"
        "|gia\u0309m phi\u0301",
        "hôm thư\u0301 ba|sau cơn mưa|trươ\u0301c cuô\u0301i năm|lâ\u0300n đâ\u0300u tiên",
    ),
    "ja": Language(
        ("shift_jis", "euc-jp", "iso-2022-jp"),
        "政府|川沿いの学校|町の住民|市長",
        "が水の法律を承認|が教師を募集|が新しい橋を要望|が料金を引き下げ",
        "、火曜日に|、雪のあと|、年末までに|、初めて",
        space="",
    ),
    "ko": Language(
        ("euc-kr", "ks_c_5601-1987", "windows-949"),
        "정부는|강가의 학교가|마을 주민들이|시장은",
        "물 보호법을 승인했다|교사를 찾는다|새 다리를 요구한다|요금을 내렸다",
        "화요일에|눈이 온 뒤|연말까지|처음으로",
    ),
    "zh-Hans": Language(
        ("gb2312", "gbk", "gb18030"),
        "市政府|河边的学校|村里的居民|市长",
        "通过了水法|招聘教师|要求修建新桥|降低了费用",
        "，星期二公布|，大雪之后|，年底之前|，这是第一次",
        space="",
    ),
    "zh-Hant": Language(
        ("big5", "big5-hkscs", "x-x-big5"),
        "市政府|河邊的學校|村裡的居民|市長",
        "通過了水法|招聘教師|要求修建新橋|降低了費用",
        "，星期二公布|，大雪之後|，年底之前|，這是第一次",
        space="",
    ),
}


def headlines(code: str, *, seed: int = 0) -> Iterator[str]:
    """Headlines of one language without end, the same for the same seed."""
    language, chance = LANGUAGES[code], random.Random(f"{code}{seed}")
    parts = [part.split("|") for part in language[1:4]]
    while True:
        yield language.space.join(chance.choice(each) for each in parts)


def paragraph(code: str, *, sentences: int = 8, seed: int = 0) -> str:
    """Running text of one language: its headlines as sentences."""
    found = headlines(code, seed=seed)
    stop = "。" if code in ("ja", "zh-Hans", "zh-Hant") else ". "
    return "".join(next(found) + stop for _ in range(sentences)).strip()
