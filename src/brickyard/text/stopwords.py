"""Words that say little: grammar, fillers, greetings, and the words with which summaries report. By language.

Chinese and Japanese have no spaces, so theirs are phrases, compared in pairs of letters like the text itself.
"""

from __future__ import annotations

_GRAMMAR = {
    "en": """a about after all also am an and any are as at be because been before being but by can could did do
        does doing done down each even for from get gets getting go goes going gone gonna got had has have
        having he her here hers him his how i if in into is it its itself just let lets like ll made make makes
        many may me might more most much must my no nor not now of off on one only onto or other our out over
        own re s said same say says see she should so some such t take than that the their them then there these
        they thing things this those through to too under up us very ve want was way we well went were what when
        where which while who why will with would you your yours d m don didn doesn isn wasn aren can couldn won
        wouldn come came back still really know think mean""",
    "fr": """à ai aie ait alors après as au aucun aussi autre aux avait avant avec avez avoir avons bien c ça
        car ce ceci cela ces cet cette ceux chez comme comment d dans de des donc dont du elle elles en encore
        entre es est et étaient était été être eu eux fait faire faut il ils j je jusque l la le les leur leurs
        lui là m ma mais me mes moi moins mon même n ne ni nos notre nous on ont ou où par parce pas peu peut
        plus pour pouvait pourquoi qu quand que quel quelle qui quoi s sa sans se sera ses si son sont sous sur
        t ta te tes toi ton tous tout toute toutes très tu un une va vers vois voilà vos votre vous vont y suis
        sommes êtes chose choses vraiment juste dit dire peux veux""",
    "es": """a al algo ahora allí aquí así aún aunque bien cada como con cual cuando de del desde donde dos e el
        él ella ellas ellos en entonces era eran eres es esa esas ese eso esos está están estar estaba este esta
        estas esto estos fue fueron gran ha había han hace hacer hacia han hasta hay he la las le les lo los más
        me mi mis mucho muy nada ni no nos nosotros o otra otro para pero poco por porque pues que qué quien se
        sea según ser si sí sido sin sobre solo son soy su sus también tan tanto te tengo tenemos tiene tienen
        todo todos tu un una uno unos usted ustedes va vamos van voy y ya yo cosa cosas dice decir puede quiero
        creo sé""",
    "de": """ab aber alle allem allen aller alles als also am an auch auf aus bei beim bin bis bist da dabei
        damit dann das daß dass davon dazu dein dem den denn der des die dies diese diesem diesen dieser dieses
        doch dort du durch ein eine einem einen einer eines einmal er es etwas euch für ganz gar gegen gehen
        geht gibt habe haben hab hat hatte hatten hier hin ich ihm ihn ihnen ihr ihre im immer in ins ist ja
        jede jeder jetzt kann kein keine können könnte machen macht man mehr mein meine mich mir mit muss müssen
        nach nein nicht nichts noch nun nur ob oder ohne sagen sagt schon sehr sein seine sich sie sind so soll
        sollte über um und uns unser unter viel vom von vor war waren was weg weil wenn wer werde werden wie
        wieder will wir wird wo wollen wurde würde zu zum zur sache sachen mal eben halt""",
    "it": """a abbiamo ad agli ai al alla alle allo allora anche ancora avere aveva avete bene c che chi ci ciò
        come con cosa così cui da dagli dai dal dalla dalle dei del della delle dello dentro deve devo di dice
        dire dopo dove due e è ecco ed era erano essere fa fare fatto fra fu gli ha hai hanno ho i il in invece
        io la le lei li lì lo loro lui ma me meno mi mia mio molto ne nei nel nella nelle no noi non nostro o
        ogni ora per perché però più poi può qua quale quando quanto quello quella quelli questa queste questi
        questo qui quindi sarà se sei si sì sia siamo sono sopra sta stato su sua sul sulla suo te ti tra tu tua
        tuo tutti tutto un una uno va vi voi cose voglio so""",
    "pt": """a agora ainda algo ali ao aos aqui as assim até bem cada com como da das de dela dele deles depois
        do dos e é ela elas ele eles em então entre era eram essa esse esses esta está estão estar estava este
        estes eu faz fazer foi foram há isso isto já la lá lhe mais mas me mesmo meu minha muito na nada não nas
        nem no nos nós nossa nosso num numa o onde os ou outra outro para pela pelo pode pois por porque qual
        quando que quem sabe são se seja sem ser será seu sim só sobre sou sua também te tem têm temos tenho ter
        todo todos tu tudo um uma vai vamos você vocês vou à coisa coisas dizer quero acho tá""",
    "zh": """我们 你们 他们 这个 那个 就是 一个 没有 什么 因为 所以 但是 然后 可以 不是 还是 如果 的话 这样 那么
        自己 知道 觉得""",
    "ja": """です ます した ました ません こと もの これ それ あれ ここ そこ この その あの という ている でした
        けど から ので""",
}

_FILLERS = {
    "en": """um uh uhm hmm hm mm mhm huh ah oh eh er okay ok yeah yep yes nope right sure basically actually
        literally anyway""",
    "fr": "euh heu ben bah hein hum ah oh oui non ouais voilà bon enfin quoi okay ok accord effectivement",
    "es": "eh em este pues bueno vale vaya ah oh sí no claro venga okay ok digamos",
    "de": "äh ähm hm hmm mhm ah oh ach na naja tja genau okay ok gut ja nein gell sozusagen quasi eigentlich",
    "it": "eh ehm mh boh beh bè ah oh sì no allora cioè insomma okay ok va bene ecco diciamo",
    "pt": "hum hã ah oh é né tipo pronto bom sim não okay ok certo então pois",
    "zh": "嗯 呃 啊 哦 对 好的 那个 这个",
    "ja": "ええと えっと あの うん はい ええ まあ なんか そうですね",
}

_GREETINGS = {
    "en": """hello hi hey welcome goodbye bye good morning afternoon evening night thank thanks thankyou please
        sorry pleased nice meet everyone everybody guys folks ladies gentlemen today tomorrow soon later
        listening watching joining subscribe cheers care""",
    "fr": """bonjour bonsoir salut revoir bienvenue merci beaucoup enchanté prie plaît plait désolé pardon tous
        monde journée soirée bientôt demain écoute""",
    "es": """hola buenos buenas días tardes noches adiós bienvenidos bienvenidas bienvenido gracias muchas favor
        perdón siento encantado luego pronto mañana hasta todos""",
    "de": """hallo guten morgen tag abend nacht tschüss tschüs wiedersehen wiederhören willkommen danke dank
        vielen bitte entschuldigung servus moin alle allerseits zusammen herzlich""",
    "it": """ciao buongiorno buonasera buonanotte arrivederci benvenuti benvenuto grazie mille prego favore
        scusa scusate piacere tutti presto domani ascolto""",
    "pt": """olá oi bom boa dia tarde noite adeus tchau bem-vindos bem-vindo bem vindos obrigado obrigada muito
        favor desculpa desculpe prazer todos logo amanhã""",
    "zh": "你好 您好 大家好 再见 拜拜 谢谢 谢谢大家 欢迎 早上好 晚上好 不客气 对不起",
    "ja": """こんにちは こんばんは おはよう ございます ありがとう ございました さようなら よろしく お願いします
        すみません""",
}

_REPORTING = {
    "en": """speaker speakers participant participants meeting discussion recording transcript summary team
        group discuss discussed discusses mention mentioned mentions explain explained explains state stated
        states note noted talk talked describe described agree agreed decide decided decision action ask asked
        answer answered according regarding topic conversation interview interviewee interviewer person people
        also""",
    "fr": """locuteur locuteurs intervenant intervenants participant participants réunion discussion
        enregistrement résumé équipe groupe discuté discutent évoque évoqué explique expliqué mentionne
        mentionné indique précise décidé décision action selon concernant sujet entretien personne personnes""",
    "es": """hablante hablantes participante participantes reunión discusión grabación resumen equipo grupo
        discutió discutieron menciona mencionó explica explicó indica señala decidió decidieron decisión acción
        según tema entrevista persona personas""",
    "de": """sprecher sprecherin teilnehmer teilnehmenden besprechung sitzung diskussion aufnahme
        zusammenfassung team gruppe besprochen erwähnt erklärt erläutert berichtet beschlossen entschieden
        entscheidung beschluss maßnahme laut bezüglich thema gespräch interview person personen""",
    "it": """parlante oratore partecipante partecipanti riunione discussione registrazione riassunto gruppo
        discusso menziona spiega spiegato indica afferma deciso decisione azione secondo riguardo tema
        intervista persona persone""",
    "pt": """falante orador participante participantes reunião discussão gravação resumo equipe equipa grupo
        discutido menciona explica explicou indica afirma decidido decidiu decisão ação segundo sobre tema
        entrevista pessoa pessoas""",
    "zh": "会议 讨论 发言人 与会者 参与者 提到 表示 认为 指出 决定 总结",
    "ja": "会議 議論 話者 参加者 述べ 説明 決定 について 要約",
}

LANGUAGES = tuple(_GRAMMAR)


def grammar(language: str) -> list[str]:
    """Raw words, as written; none for a language that is not listed."""
    return _GRAMMAR.get(language, "").split()


def said_without_content(language: str) -> list[str]:
    """Grammar, fillers and greetings: a sentence of nothing else says nothing."""
    return [*grammar(language), *_FILLERS.get(language, "").split(), *_GREETINGS.get(language, "").split()]


def reporting(language: str) -> list[str]:
    """Words that a summary adds by itself, such as "the participants discussed"."""
    return _REPORTING.get(language, "").split()
