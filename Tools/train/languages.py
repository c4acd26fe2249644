"""How twelve languages speak of colours, sizes, places, counts and relations.

Every phrase takes names as CLDR has them, uninflected, so the forms are those that need no inflection of the name.
{x} is a thing, {a} and {b} are two, {c} a colour, {d} another. The first phrase of several is the one that evaluation
uses.
"""

COLOURS = {
    "white": (255, 255, 255), "black": (0, 0, 0), "red": (220, 50, 47), "orange": (245, 140, 40),
    "yellow": (250, 215, 70), "green": (70, 170, 80), "blue": (50, 110, 220), "purple": (140, 80, 190),
    "pink": (245, 150, 190), "gray": (140, 140, 140), "brown": (130, 85, 50), "teal": (40, 160, 160),
}
TINTS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "gray")
PATTERNS = ("gradient", "stripes", "dots", "checks")
SIZES = ("small", "large")
PLACES = ("top left", "top", "top right", "left", "center", "right", "bottom left", "bottom", "bottom right")
COUNTS = (2, 3, 4)
RELATIONS = ("left of", "right of", "above", "below", "and")
TURNS = ("upside down", "mirrored", "tilted left", "tilted right")


def _colours(words):
    return dict(zip(COLOURS, words.split(), strict=True))


def _listed(keys, words):
    return dict(zip(keys, words, strict=True))


def _language(colours, background, tint, patterns, sizes, places, counts, relations, turns, tints=None, grounds=None):
    """`tints` and `grounds` are the colours' forms in `tint` and `background`, where those are not `colours`."""
    colours = _colours(colours)
    return {
        "colours": colours, "background": background, "tint": tint,
        "tints": _colours(tints) if tints else colours,
        "grounds": _colours(grounds) if grounds else colours,
        "patterns": _listed(PATTERNS, patterns), "sizes": _listed(SIZES, sizes),
        "places": _listed(PLACES, places), "counts": _listed(COUNTS, counts),
        "relations": _listed(RELATIONS, relations), "turns": _listed(TURNS, turns),
    }


PHRASES = {
    "en": _language(
        "white black red orange yellow green blue purple pink gray brown teal",
        ("{x} on a {c} background", "{x}, {c} background", "{x} with a {c} background", "{c} background, {x}"),
        ("{c} {x}", "{x} in {c}", "{c} colored {x}"),
        ("{x} on a {c} and {d} gradient", "{x} on {c} and {d} stripes", "{x} on {c} with {d} dots",
         "{x} on {c} and {d} checks"),
        ("small {x}", "large {x}"),
        ("{x} in the top left", "{x} at the top", "{x} in the top right", "{x} on the left", "{x} in the center",
         "{x} on the right", "{x} in the bottom left", "{x} at the bottom", "{x} in the bottom right"),
        ("two {x}", "three {x}", "four {x}"),
        ("{a} left of {b}", "{a} right of {b}", "{a} above {b}", "{a} below {b}", "{a} and {b}"),
        ("{x} upside down", "{x} mirrored", "{x} tilted to the left", "{x} tilted to the right")),
    "es": _language(
        "blanco negro rojo naranja amarillo verde azul morado rosa gris marrón turquesa",
        ("{x} sobre fondo {c}", "{x}, fondo {c}"), ("{x} de color {c}", "{x} en {c}"),
        ("{x}, fondo degradado {c} y {d}", "{x}, fondo de rayas {c} y {d}", "{x}, fondo {c} con puntos {d}",
         "{x}, fondo de cuadros {c} y {d}"),
        ("{x}, tamaño pequeño", "{x}, tamaño grande"),
        ("{x} arriba a la izquierda", "{x} arriba", "{x} arriba a la derecha", "{x} a la izquierda", "{x} en el centro",
         "{x} a la derecha", "{x} abajo a la izquierda", "{x} abajo", "{x} abajo a la derecha"),
        ("dos veces {x}", "tres veces {x}", "cuatro veces {x}"),
        ("{a} a la izquierda de {b}", "{a} a la derecha de {b}", "{a} encima de {b}", "{a} debajo de {b}", "{a} y {b}"),
        ("{x} boca abajo", "{x} en espejo", "{x} inclinado a la izquierda", "{x} inclinado a la derecha")),
    "fr": _language(
        "blanc noir rouge orange jaune vert bleu violet rose gris marron turquoise",
        ("{x} sur fond {c}", "{x}, fond {c}"), ("{x} en {c}", "{x}, couleur {c}"),
        ("{x}, fond dégradé {c} et {d}", "{x}, fond à rayures {c} et {d}", "{x}, fond {c} à pois {d}",
         "{x}, fond à carreaux {c} et {d}"),
        ("petit {x}", "grand {x}"),
        ("{x} en haut à gauche", "{x} en haut", "{x} en haut à droite", "{x} à gauche", "{x} au centre",
         "{x} à droite", "{x} en bas à gauche", "{x} en bas", "{x} en bas à droite"),
        ("deux fois {x}", "trois fois {x}", "quatre fois {x}"),
        ("{a} à gauche de {b}", "{a} à droite de {b}", "{a} au-dessus de {b}", "{a} au-dessous de {b}", "{a} et {b}"),
        ("{x} à l'envers", "{x} en miroir", "{x} penché à gauche", "{x} penché à droite")),
    "de": _language(
        "Weiß Schwarz Rot Orange Gelb Grün Blau Lila Rosa Grau Braun Türkis",
        ("{x}, {c} Hintergrund", "{c} Hintergrund, {x}"), ("{x} in {c}", "{x}, Farbe {c}"),
        ("{x}, Hintergrund mit Verlauf von {c} nach {d}", "{x}, Hintergrund mit Streifen in {c} und {d}",
         "{x}, Hintergrund {c} mit Punkten in {d}", "{x}, Hintergrund mit Karos in {c} und {d}"),
        ("{x}, klein", "{x}, groß"),
        ("{x} oben links", "{x} oben", "{x} oben rechts", "{x} links", "{x} in der Mitte", "{x} rechts",
         "{x} unten links", "{x} unten", "{x} unten rechts"),
        ("zweimal {x}", "dreimal {x}", "viermal {x}"),
        ("{a} links von {b}", "{a} rechts von {b}", "{a} über {b}", "{a} unter {b}", "{a} und {b}"),
        ("{x} auf dem Kopf", "{x} gespiegelt", "{x} nach links geneigt", "{x} nach rechts geneigt"),
        grounds="weißer schwarzer roter oranger gelber grüner blauer lila rosa grauer brauner türkiser"),
    "it": _language(
        "bianco nero rosso arancione giallo verde blu viola rosa grigio marrone turchese",
        ("{x} su sfondo {c}", "{x}, sfondo {c}"), ("{x} di colore {c}", "{x} in {c}"),
        ("{x}, sfondo sfumato {c} e {d}", "{x}, sfondo a righe {c} e {d}", "{x}, sfondo {c} a pois {d}",
         "{x}, sfondo a quadri {c} e {d}"),
        ("piccolo {x}", "grande {x}"),
        ("{x} in alto a sinistra", "{x} in alto", "{x} in alto a destra", "{x} a sinistra", "{x} al centro",
         "{x} a destra", "{x} in basso a sinistra", "{x} in basso", "{x} in basso a destra"),
        ("due volte {x}", "tre volte {x}", "quattro volte {x}"),
        ("{a} a sinistra di {b}", "{a} a destra di {b}", "{a} sopra {b}", "{a} sotto {b}", "{a} e {b}"),
        ("{x} capovolto", "{x} allo specchio", "{x} inclinato a sinistra", "{x} inclinato a destra")),
    "pt": _language(
        "branco preto vermelho laranja amarelo verde azul roxo rosa cinza marrom turquesa",
        ("{x} em fundo {c}", "{x}, fundo {c}"), ("{x} na cor {c}", "{x} em {c}"),
        ("{x}, fundo em degradê {c} e {d}", "{x}, fundo de listras {c} e {d}", "{x}, fundo {c} com bolinhas {d}",
         "{x}, fundo xadrez {c} e {d}"),
        ("{x}, tamanho pequeno", "{x}, tamanho grande"),
        ("{x} em cima à esquerda", "{x} em cima", "{x} em cima à direita", "{x} à esquerda", "{x} no centro",
         "{x} à direita", "{x} embaixo à esquerda", "{x} embaixo", "{x} embaixo à direita"),
        ("duas vezes {x}", "três vezes {x}", "quatro vezes {x}"),
        ("{a} à esquerda de {b}", "{a} à direita de {b}", "{a} acima de {b}", "{a} abaixo de {b}", "{a} e {b}"),
        ("{x} de cabeça para baixo", "{x} espelhado", "{x} inclinado à esquerda", "{x} inclinado à direita")),
    "ru": _language(
        "белый чёрный красный оранжевый жёлтый зелёный синий фиолетовый розовый серый коричневый бирюзовый",
        ("{x}, {c} фон", "{c} фон, {x}"), ("{x} {c} цвета", "{x}, цвет {c}"),
        ("{x}, градиент: {c} и {d}", "{x}, фон в полоску: {c} и {d}", "{x}, фон в горошек: {c} и {d}",
         "{x}, фон в клетку: {c} и {d}"),
        ("{x}, маленький размер", "{x}, большой размер"),
        ("{x} сверху слева", "{x} сверху", "{x} сверху справа", "{x} слева", "{x} в центре", "{x} справа",
         "{x} снизу слева", "{x} снизу", "{x} снизу справа"),
        ("два раза {x}", "три раза {x}", "четыре раза {x}"),
        ("слева {a}, справа {b}", "справа {a}, слева {b}", "сверху {a}, снизу {b}", "снизу {a}, сверху {b}",
         "{a} и {b}"),
        ("{x} вверх ногами", "{x} в зеркале", "{x} с наклоном влево", "{x} с наклоном вправо"),
        tints="белого чёрного красного оранжевого жёлтого зелёного синего фиолетового розового серого коричневого "
              "бирюзового"),
    "ar": _language(
        "الأبيض الأسود الأحمر البرتقالي الأصفر الأخضر الأزرق البنفسجي الوردي الرمادي البني الفيروزي",
        ("{x} على خلفية {c}", "{x}، خلفية {c}"), ("{x} باللون {c}", "{x}، اللون {c}"),
        ("{x}، خلفية متدرجة {c} و{d}", "{x}، خلفية مخططة {c} و{d}", "{x}، خلفية منقطة {c} و{d}",
         "{x}، خلفية مربعات {c} و{d}"),
        ("{x} صغير", "{x} كبير"),
        ("{x} أعلى اليسار", "{x} في الأعلى", "{x} أعلى اليمين", "{x} في اليسار", "{x} في الوسط", "{x} في اليمين",
         "{x} أسفل اليسار", "{x} في الأسفل", "{x} أسفل اليمين"),
        ("{x} مرتين", "{x} ثلاث مرات", "{x} أربع مرات"),
        ("{a} على يسار {b}", "{a} على يمين {b}", "{a} فوق {b}", "{a} تحت {b}", "{a} و{b}"),
        ("{x} رأسا على عقب", "{x} معكوس", "{x} مائل إلى اليسار", "{x} مائل إلى اليمين"),
        grounds="بيضاء سوداء حمراء برتقالية صفراء خضراء زرقاء بنفسجية وردية رمادية بنية فيروزية"),
    "hi": _language(
        "सफ़ेद काला लाल नारंगी पीला हरा नीला बैंगनी गुलाबी धूसर भूरा फ़िरोज़ी",
        ("{x}, {c} पृष्ठभूमि", "{c} पृष्ठभूमि पर {x}"), ("{x}, {c} रंग", "{x}, रंग {c}"),
        ("{x}, {c} और {d} ढाल", "{x}, {c} और {d} धारियाँ", "{x}, {c} पर {d} बिंदु", "{x}, {c} और {d} चौखाने"),
        ("छोटा {x}", "बड़ा {x}"),
        ("{x} ऊपर बाईं ओर", "{x} ऊपर", "{x} ऊपर दाईं ओर", "{x} बाईं ओर", "{x} बीच में", "{x} दाईं ओर",
         "{x} नीचे बाईं ओर", "{x} नीचे", "{x} नीचे दाईं ओर"),
        ("दो {x}", "तीन {x}", "चार {x}"),
        ("{b} के बाईं ओर {a}", "{b} के दाईं ओर {a}", "{b} के ऊपर {a}", "{b} के नीचे {a}", "{a} और {b}"),
        ("{x} उल्टा", "{x} दर्पण में", "{x} बाईं ओर झुका", "{x} दाईं ओर झुका"),
        grounds="सफ़ेद काली लाल नारंगी पीली हरी नीली बैंगनी गुलाबी धूसर भूरी फ़िरोज़ी"),
    "ja": _language(
        "白 黒 赤 オレンジ 黄色 緑 青 紫 ピンク 灰色 茶色 青緑",
        ("{x}、{c}の背景", "{c}の背景に{x}"), ("{c}の{x}", "{x}、{c}"),
        ("{x}、{c}と{d}のグラデーション", "{x}、{c}と{d}の縞模様", "{x}、{c}に{d}の水玉", "{x}、{c}と{d}の市松模様"),
        ("小さい{x}", "大きい{x}"),
        ("左上に{x}", "上に{x}", "右上に{x}", "左に{x}", "中央に{x}", "右に{x}", "左下に{x}", "下に{x}", "右下に{x}"),
        ("2つの{x}", "3つの{x}", "4つの{x}"),
        ("{b}の左に{a}", "{b}の右に{a}", "{b}の上に{a}", "{b}の下に{a}", "{a}と{b}"),
        ("逆さまの{x}", "左右反転の{x}", "左に傾いた{x}", "右に傾いた{x}")),
    "ko": _language(
        "흰색 검은색 빨간색 주황색 노란색 초록색 파란색 보라색 분홍색 회색 갈색 청록색",
        ("{x}, {c} 배경", "{c} 배경의 {x}"), ("{c} {x}", "{x}, {c}"),
        ("{x}, {c}과 {d} 그라데이션", "{x}, {c}과 {d} 줄무늬", "{x}, {c}에 {d} 물방울무늬", "{x}, {c}과 {d} 체크무늬"),
        ("작은 {x}", "큰 {x}"),
        ("왼쪽 위에 {x}", "위에 {x}", "오른쪽 위에 {x}", "왼쪽에 {x}", "가운데 {x}", "오른쪽에 {x}", "왼쪽 아래에 {x}",
         "아래에 {x}", "오른쪽 아래에 {x}"),
        ("{x} 두 개", "{x} 세 개", "{x} 네 개"),
        ("{b} 왼쪽에 {a}", "{b} 오른쪽에 {a}", "{b} 위에 {a}", "{b} 아래에 {a}", "{a} 그리고 {b}"),
        ("거꾸로 된 {x}", "좌우 반전된 {x}", "왼쪽으로 기운 {x}", "오른쪽으로 기운 {x}")),
    "zh": _language(
        "白色 黑色 红色 橙色 黄色 绿色 蓝色 紫色 粉色 灰色 棕色 青色",
        ("{x},{c}背景", "{c}背景上的{x}"), ("{c}的{x}", "{x},{c}"),
        ("{x},{c}和{d}渐变背景", "{x},{c}和{d}条纹背景", "{x},{c}背景{d}圆点", "{x},{c}和{d}格子背景"),
        ("小的{x}", "大的{x}"),
        ("左上角的{x}", "上方的{x}", "右上角的{x}", "左侧的{x}", "中间的{x}", "右侧的{x}", "左下角的{x}", "下方的{x}",
         "右下角的{x}"),
        ("两个{x}", "三个{x}", "四个{x}"),
        ("{b}左边的{a}", "{b}右边的{a}", "{b}上面的{a}", "{b}下面的{a}", "{a}和{b}"),
        ("倒置的{x}", "镜像的{x}", "向左倾斜的{x}", "向右倾斜的{x}")),
}

# What people put before and after a word, whatever its gender: it says nothing of the picture. {x} is the word; most
# often it stands alone. "cute" and its like come in the form that agrees with most words.
WORDINGS = {
    "en": ("a {x}", "a {x}", "the {x}", "my {x}", "one {x}", "a cute {x}", "cute {x}", "a little {x}",
           "a picture of a {x}", "picture of a {x}", "a drawing of a {x}", "draw a {x}", "an icon of a {x}", "{x} icon", "{x} emoji",
           "a photo of a {x}", "a beautiful {x}", "nice {x}", "funny {x}", "a {x} please", "image of a {x}",
           "simple {x}", "a cartoon {x}", "a happy {x}"),
    "es": ("un {x}", "una {x}", "el {x}", "la {x}", "una imagen de un {x}", "dibujo de un {x}", "dibujo de una {x}",
           "{x} bonito", "{x} bonita", "un {x} lindo", "una {x} linda", "icono de {x}", "foto de {x}", "mi {x}"),
    "fr": ("un {x}", "une {x}", "le {x}", "la {x}", "une image de {x}", "dessin de {x}", "un joli {x}", "une jolie {x}",
           "un {x} mignon", "icône de {x}", "photo de {x}", "mon {x}", "dessine un {x}"),
    "de": ("ein {x}", "eine {x}", "der {x}", "die {x}", "das {x}", "ein Bild von {x}", "ein süßer {x}", "eine süße {x}",
           "ein süßes {x}", "ein kleiner {x}", "eine kleine {x}", "Bild: {x}", "Zeichnung: {x}", "einen {x}",
           "schönes {x}", "ein schönes {x}", "mein {x}", "{x} Bild"),
    "it": ("un {x}", "una {x}", "il {x}", "la {x}", "immagine di {x}", "disegno di {x}", "un {x} carino",
           "una {x} carina", "icona di {x}", "foto di {x}", "un bel {x}", "uno {x}"),
    "pt": ("um {x}", "uma {x}", "o {x}", "a {x}", "imagem de {x}", "desenho de um {x}", "desenho de uma {x}",
           "{x} fofo", "{x} fofa", "ícone de {x}", "foto de {x}", "um {x} bonito"),
    "ru": ("милый {x}", "милая {x}", "картинка: {x}", "рисунок {x}", "красивый {x}", "красивая {x}", "один {x}",
           "маленькая {x}", "нарисуй: {x}", "мой {x}"),
    "ar": ("ال{x}", "صورة {x}", "رسم {x}", "{x} جميل", "{x} لطيف", "{x} جميلة", "رمز {x}"),
    "hi": ("एक {x}", "एक प्यारा {x}", "प्यारी {x}", "{x} का चित्र", "{x} की तस्वीर", "सुंदर {x}"),
    "ja": ("かわいい{x}", "可愛い{x}", "{x}の絵", "{x}のイラスト", "{x}の写真", "一つの{x}", "{x}のアイコン", "きれいな{x}"),
    "ko": ("귀여운 {x}", "{x} 그림", "{x} 사진", "{x} 한 개", "{x} 아이콘", "예쁜 {x}", "작고 귀여운 {x}"),
    "zh": ("一只{x}", "一个{x}", "可爱的{x}", "{x}的图片", "画一个{x}", "{x}图标", "漂亮的{x}", "一朵{x}", "一张{x}的照片"),
}
# Plurals as people type them for one picture: endings that a word may take, instead of one it has.
PLURALS = {
    "en": ((r"([^aeiou])y$", r"\1ies"), (r"(s|x|z|ch|sh)$", r"\1es"), (r"$", "s")),
    "es": ((r"([aeiouáéó])$", r"\1s"), (r"z$", "ces"), (r"([dlnrj])$", r"\1es")),
    "fr": ((r"(eau|eu|ou)$", r"\1x"), (r"al$", "aux"), (r"([^sxz])$", r"\1s")),
    "de": ((r"e$", "en"), (r"(er|el|chen)$", r"\1"), (r"o$", "os"), (r"(ung)$", r"\1en"), (r"$", "e")),
    "it": ((r"([gc])a$", r"\1he"), (r"a$", "e"), (r"[oe]$", "i")),
    "pt": ((r"ão$", "ões"), (r"m$", "ns"), (r"l$", "is"), (r"([rz])$", r"\1es"), (r"([aeioué])$", r"\1s")),
    "ru": ((r"([гкхжчшщ])а$", r"\1и"), (r"а$", "ы"), (r"я$", "и"), (r"ь$", "и"), (r"о$", "а"),
           (r"([гкхжчшщ])$", r"\1и"), (r"([бвдзлмнпрст])$", r"\1ы")),
    "ko": ((r"$", "들"),),
}
