"""What is known to be wrong in code, as a table: (languages, weakness, how sure, pattern). Patterns are RE2.

The weakness is MITRE's CWE number, or ``malicious`` for what does harm by being run. 0.9 and more: there is hardly a
good reason for it; 0.7: wrong unless every input is trusted; 0.4: depends on what it is for (a random number, a hash).
Rules follow the rule books of bandit (B-numbers), gosec, Semgrep's registry and CERT C in what they look at; the
patterns are our own. ``*`` is every language.
"""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    languages: str
    weakness: str
    score: float
    pattern: str


_NOT_LITERAL = r"\s*(?:f[\"']|[A-Za-z_$][\w.$\[\]]*\s*[,)+%.]|[\"'][^\"'\n]*[\"']\s*(?:\+|%|\.format))"
_NAMED = r"(?i:pass(?:word|wd|phrase)?|pwd|secret|api_?key|auth_?token|access_?key|private_?key)"
_SQL = r"(?i:select\s|insert\s+into|update\s|delete\s+from)"

MALICIOUS: tuple[str, ...] = (
    r"(?:curl|wget|fetch)\s[^\n|;]{0,200}\|\s*(?:sudo\s+)?(?:ba|z|da|k)?sh\b",       # a script from the net, run unseen
    r"(?:ba|z)?sh\s+(?:-c\s+)?[\"']?(?:<\(|\$\()\s*(?:curl|wget)\s",
    r"(?i)\b(?:iex|invoke-expression)\s*\(?\s*\(?(?:new-object\s+net\.webclient|iwr|invoke-webrequest|irm)",
    r"(?i:downloadstring\s*\([^)\n]{0,200}\)\s*\|\s*iex)",
    r"powershell(?:\.exe)?\s[^\n]{0,80}-e(?:nc|ncodedcommand)?\s+[A-Za-z0-9+/=]{40,}",
    r"\brm\s+(?:-[a-zA-Z]+\s+){1,3}(?:--no-preserve-root\s+)?(?:/|/\*|~|\$HOME)(?:\s|\"|'|;|\)|$)",   # everything gone
    r"\bdd\s+if=/dev/(?:zero|urandom)\s+of=/dev/(?:sd|nvme|hd|disk)\w*",
    r"\bmkfs(?:\.\w+)?\s+(?:-\w+\s+){0,3}/dev/(?:sd|nvme|hd)\w*",
    r":\(\)\s*\{\s*:\s*\|\s*:\s*&\s*\}\s*;\s*:",                                      # a fork bomb
    r"(?i:format|del\s+/[fsq]\s+(?:/\w\s+)*)\s*c:(?:\\|\s+/)",
    r"shutil\.rmtree\(\s*[\"']/(?:home|etc|usr|var)?/?[\"']",
    r"(?:bash|sh)\s+-i\s*(?:>&|>|&>)\s*/dev/tcp/", r"/dev/tcp/\d{1,3}(?:\.\d{1,3}){3}/\d+",  # a shell for somebody else
    r"\bnc(?:at)?\b[^\n]{0,60}\s-[a-z]*e\s*(?:/bin/)?(?:ba)?sh", r"mkfifo\s+/tmp/\w+[^\n]{0,120}\bnc(?:at)?\s",
    r"os\.dup2\(\s*\w+\.fileno\(\)\s*,\s*[012]\s*\)", r"\bfsockopen\([^\n]{0,80}(?:exec|shell_exec|proc_open)\(",
    r"TCPSocket\.(?:new|open)\([^\n]{0,80}(?:exec|IO\.popen|/bin/sh)",
    r"(?i:eval|exec|function|settimeout)\s*\(\s*(?:window\.)?(?:atob|base64_decode|base64\.b64decode|zlib\.decompress|"
    r"gzinflate|str_rot13|buffer\.from|bytes\.fromhex|marshal\.loads|compile\(\s*base64)",         # code that hides
    r"(?i:eval)\s*\(\s*\$_(?:GET|POST|REQUEST|COOKIE)", r"(?i:assert|system|passthru|shell_exec)\s*\(\s*\$_(?:GET|POST|"
    r"REQUEST|COOKIE)\[", r"eval\(function\(p,a,c,k,e,[dr]\)",
    r"(?:stratum\+tcp://|xmrig\b|--donate-level)", r"169\.254\.169\.254/latest/meta-data/iam",   # mining; cloud keys
    r"pynput\.keyboard[\s\S]{0,400}(?:smtplib|requests\.post|urlopen|socket)",                   # a keylogger
    r"(?:cat|open\()\s*[\"']?(?:/etc/shadow|~/\.ssh/id_[rd]sa|/root/\.ssh/id_\w+)",
    r"(?i:set-mppreference\s+-disable\w+\s+\$?true|netsh\s+advfirewall\s+set\s+\w+\s+state\s+off|vssadmin\s+delete\s+"
    r"shadows)", r"(?:>>|tee\s+-a)\s*~?/?(?:[\w/]*/)?\.ssh/authorized_keys",
    r"document\.cookie[^\n;]{0,80}(?:fetch|XMLHttpRequest|new\s+Image|sendBeacon)|(?:fetch|sendBeacon|\.src\s*=)\(?"
    r"[^\n;]{0,120}document\.cookie",
    r"crontab\s+-[^\n]{0,60}(?:curl|wget|/dev/tcp)", r"chmod\s+(?:[ug]\+s|4[0-7]{3})\s+/bin/(?:ba)?sh",
)

RULES: tuple[Rule, ...] = (
    # commands
    Rule("python", "CWE-78", 0.9, r"shell\s*=\s*True"),                                           # B602, B604
    Rule("python", "CWE-78", 0.7, r"\bos\.(?:system|popen|spawn\w+|exec[lv]p?e?)\s*\(|\b(?:commands|popen2)\.\w+\("),
    Rule("python", "CWE-78", 0.4, r"\bsubprocess\.(?:Popen|call|check_call|check_output|run|getoutput)\("),      # B603
    Rule("c cpp", "CWE-78", 0.7, r"\b(?:system|popen|_popen|exec[lv][pe]?|ShellExecute\w*|WinExec)\s*\("),
    Rule("java", "CWE-78", 0.7, r"getRuntime\(\)\s*\.exec\s*\(|\brt\.exec\(|new\s+ProcessBuilder\s*\("),
    Rule("csharp", "CWE-78", 0.7, r"Process\.Start\s*\(|new\s+Process(?:StartInfo)?\s*[({]"),
    Rule("php", "CWE-78", 0.7, r"\b(?:system|exec|shell_exec|passthru|popen|proc_open|pcntl_exec)\s*\("),
    Rule("javascript", "CWE-78", 0.7, r"child_process|\b(?:exec|execSync|spawn|spawnSync)\s*\(" + _NOT_LITERAL),
    Rule("rust", "CWE-78", 0.7, r"\bCommand::new\s*\("),
    Rule("go", "CWE-78", 0.7, r"\bexec\.Command(?:Context)?\("),
    Rule("ruby", "CWE-78", 0.7, r"\b(?:system|exec|IO\.popen|Open3\.\w+)\s*\(|`[^`\n]*#\{"),
    # code made of text
    Rule("python", "CWE-94", 0.7, r"(?:^|[^\w.])(?:eval|exec|execfile|compile)\s*\("),                    # B102, B307
    Rule("python", "CWE-94", 0.7, r"autoescape\s*=\s*False|\bdebug\s*=\s*True"),                          # B701, B201
    Rule("python", "CWE-94", 0.4, r"jinja2\.(?:Template|Environment)\s*\(|\bmark_safe\("),
    Rule("javascript", "CWE-95", 0.7, r"(?:^|[^\w.$])(?:eval|evalScript)\s*\(|\bnew\s+Function\s*\(|"
         r"[^\w.]Function\s*\(\s*['\"]"),
    Rule("javascript", "CWE-95", 0.4, r"\brequire(?:\.\w+)?\s*\(" + _NOT_LITERAL),
    Rule("javascript", "CWE-95", 0.4, r"\bset(?:Timeout|Interval)\s*\(\s*['\"]"),
    Rule("php", "CWE-94", 0.7, r"\b(?:eval|create_function|assert)\s*\(|"
         r"preg_replace\s*\(\s*['\"].*/[a-z]*e[a-z]*['\"]"),
    Rule("php", "CWE-98", 0.7, r"\b(?:include|require)(?:_once)?\s*\(?\s*(?:['\"][^'\"\n]*['\"]\s*\.\s*)?\$"),
    Rule("ruby", "CWE-94", 0.7, r"\b(?:eval|instance_eval|class_eval)\b"),
    # objects out of bytes
    Rule("python", "CWE-502", 0.7, r"\b(?:c?[pP]ickle|dill|shelve|marshal|jsonpickle|joblib)\.(?:loads?|open|"
         r"Unpickler|decode)\("),
    # B506
    Rule("python", "CWE-502", 0.7, r"\byaml\.(?:load|unsafe_load|full_load)(?:_all)?\s*\("),
    Rule("java", "CWE-502", 0.7, r"ObjectInputStream|\.readObject\s*\(|XMLDecoder|\.enableDefaultTyping\("),
    Rule("csharp", "CWE-502", 0.7, r"(?:Binary|Soap|Los|NetDataContract|ObjectState)Formatter|"
         r"NetDataContractSerializer|"
         r"TypeNameHandling\.(?:All|Auto|Objects|Arrays)|JavaScriptTypeResolver"),
    Rule("php", "CWE-502", 0.7, r"\bunserialize\s*\("),
    Rule("ruby", "CWE-502", 0.7, r"Marshal\.load|YAML\.load\s*\("),
    # queries
    Rule("python", "CWE-89", 0.7, r"\.(?:execute|executemany|executescript|raw|extra|query)\s*\(\s*(?:f[\"']|"
         r"[\"'][^\n]{0,200}"
         r"[\"']\s*(?:%|\+|\.format)|\w+\s*(?:%|\+)|[\"']{3}[^\"']{0,400}[\"']{3}\s*%)"),                     # B608
    Rule("*", "CWE-89", 0.7, rf"[\"']\s*{_SQL}[^\"'\n]*(?:=|\(|like|where|values|from|set)[^\"'\n]*['\"]\s*(?:\+|"
         rf"%|\.\s*\$|\.format|\|\|)"),
    Rule("*", "CWE-89", 0.7, rf"(?:f|\$|`)[\"'`]?\s*{_SQL}[^\"'`\n]*[{{$]"),
    Rule("java csharp", "CWE-89", 0.4, r"\b(?:createStatement|executeQuery|executeUpdate|"
         r"createNativeQuery)\s*\([^)\n]*\+|"
         r"new\s+(?:Sql|OleDb|Odbc|MySql)\w*(?:Command|Adapter)\s*\(|\.CommandText\s*=|ExecuteSqlCommand\("),
    Rule("php", "CWE-89", 0.7, r"(?:mysqli?_query|->query|pg_query)\s*\([^)\n]*\$"),
    Rule("rust go", "CWE-89", 0.7, r"(?:format!|Sprintf)\s*\(\s*\"\s*" + _SQL),
    Rule("csharp java", "CWE-643", 0.7, r"\.(?:SelectSingleNode|SelectNodes|Compile|evaluate|"
         r"XPathSelectElements?)\s*\(\s*"
         r"(?:[A-Za-z_]|\"[^\"\n]*\"\s*\+|\$\")"),
    # hashes, ciphers, random numbers
    # B303
    Rule("python", "CWE-328", 0.4, r"\b(?:hashlib\.(?:md5|sha1|md4)|MD5|SHA1?)\.?(?:new)?\s*\(|\bmd5\.(?:new|md5)\("),
    Rule("python", "CWE-327", 0.7, r"\b(?:DES3?|ARC[24]|Blowfish|XOR)\.new\(|MODE_ECB|PROTOCOL_(?:SSLv[23]|"
         r"TLSv1(?:_1)?)\b"),
    Rule("c cpp", "CWE-328", 0.4, r"\b(?:MD[245]|SHA1?)_(?:Init|Update|Final)\b|\b(?:MD5|SHA1)\s*\(|EVP_(?:md5|"
         r"sha1)\b"),
    Rule("c cpp", "CWE-327", 0.7, r"\b(?:DES_\w+|RC[24]_\w+|EVP_(?:des|rc4|rc2|bf)\w*|crypt)\s*\("),
    Rule("java", "CWE-327", 0.4, r"getInstance\s*\(\s*\"(?i:md[245]|sha-?1|des|desede|rc[24]|blowfish|"
         r"aes(?:/ecb)?)[/\"]|"
         r"\bDigestUtils\.(?:md5|sha1?)|NullCipher"),
    Rule("csharp", "CWE-327", 0.4, r"\b(?:MD5|SHA1|DES|TripleDES|RC2|RIPEMD160|HMACMD5|Rijndael)\w*\.?(?:Create)?\s*\(|"
         r"(?:MD5|SHA1|DES|RC2)\w*(?:CryptoServiceProvider|Managed)|CipherMode\.(?:ECB|OFB)"),
    Rule("php", "CWE-327", 0.4, r"\b(?:md5|sha1|crc32|mcrypt_\w+|crypt)\s*\(|(?:hash|"
         r"hash_hmac)\s*\(\s*['\"](?:md5|sha1)"),
    Rule("javascript", "CWE-327", 0.4, r"createHash\s*\(\s*['\"](?:md5|sha1)|\b(?:md5|sha1)\s*\(|createCipher\("),
    Rule("rust", "CWE-328", 0.4, r"\b(?:[Mm]d5|[Ss]ha1|MD5|SHA1)(?:::|\()|MessageDigest::(?:md5|sha1)"),
    Rule("go", "CWE-328", 0.4, r"\b(?:md5|sha1|des|rc4)\.(?:New|Sum)\w*\("),
    Rule("python", "CWE-338", 0.4, r"\brandom\.(?:random|randint|randrange|choices?|uniform|sample|shuffle|"
         r"getrandbits|triangular)\s*\("),
    Rule("c cpp", "CWE-338", 0.4, r"\b(?:s?rand(?:om)?|[dejlmn]rand48|srand48|rand_r)\s*\("),
    Rule("java", "CWE-330", 0.4, r"new\s+(?:java\.util\.)?Random\s*\(|Math\.random\s*\(|RandomStringUtils|RandomUtils"),
    Rule("csharp", "CWE-338", 0.4, r"new\s+(?:System\.)?Random\s*\("),
    Rule("javascript", "CWE-338", 0.4, r"Math\.random\s*\(|pseudoRandomBytes"),
    Rule("php", "CWE-330", 0.4, r"\b(?:mt_rand|rand|uniqid|lcg_value|mt_srand)\s*\("),
    Rule("go", "CWE-338", 0.4, r"\"math/rand\"|\brand\.(?:Int|Intn|Seed|Float64)\("),
    # memory
    Rule("c cpp", "CWE-242", 0.9, r"\bgets\s*\("),
    Rule("c cpp", "CWE-120", 0.7, r"\b(?:str(?:cpy|cat)|wcs(?:cpy|cat)|v?sprintf|lstrcpy\w?|lstrcat\w?|_tcscpy|"
         r"_tcscat|stpcpy|StrCpy\w*)\s*\("),
    Rule("c cpp", "CWE-120", 0.4, r"\b(?:strn(?:cpy|cat)|memcpy|memmove|bcopy|CopyMemory|wcsncpy|wcsncat|strlen|"
         r"MultiByteToWideChar)\s*\("),
    Rule("c cpp", "CWE-120", 0.7, r"\b(?:f|s|v|vf)?scanf\s*\([^\n]{0,80}%(?:\d*\[|s|ls)"),
    Rule("c cpp", "CWE-680", 0.4, r"\b(?:m|re|x?m|v)alloc\s*\([^;\n]{0,120}[*+]|\balloca\s*\(|"
         r"new\s+\w+\s*\[[^\]\n]*[*+]"),
    Rule("c cpp", "CWE-119", 0.4, r"\b(?:char|wchar_t|TCHAR|u?int8_t|BYTE)\s+\w+\s*\[\s*\w+\s*\]\s*;"),
    Rule("c cpp", "CWE-377", 0.7, r"\b(?:mktemp|tmpnam|tempnam|mkstemp|tmpnam_r)\s*\("),
    Rule("c cpp", "CWE-676", 0.4, r"\b(?:strtok|atoi|atol|getwd|signal|setjmp|usleep|vfork)\s*\(|\b(?:read|"
         r"recv(?:from)?)\s*\(\s*\w+\s*,\s*\w+"),
    Rule("cpp", "CWE-665", 0.4, r"\bauto_ptr\s*<"),
    Rule("c cpp", "CWE-134", 0.7, r"\b(?:printf|syslog|fprintf|snprintf)\s*\((?:\s*\w+\s*,)?\s*[a-z_]\w*\s*\)"),
    Rule("rust", "CWE-676", 0.4, r"\bunsafe\s*(?:\{|fn|impl|extern)|mem::(?:transmute|uninitialized|zeroed)|"
         r"from_raw\w*\("),
    Rule("rust", "CWE-807", 0.4, r"\benv::(?:temp_dir|args|args_os|current_exe)\s*\(|std::env::args"),
    Rule("rust", "CWE-295", 0.9, r"danger_accept_invalid_(?:certs|hostnames)\s*\(\s*true|SslVerifyMode::NONE|"
         r"set_verify\(.*NONE"),
    # secrets, transport, files, pages
    Rule("*", "CWE-798", 0.7, rf"\b\w{{0,30}}{_NAMED}\w{{0,10}}[\"'\]]?\s*(?:=>?|:|"
         rf":=)\s*[\"'][^\"'\s<>$%{{}}]{{6,}}[\"']"),
    Rule("*", "CWE-295", 0.9, r"verify\s*=\s*False|rejectUnauthorized\s*:\s*false|InsecureSkipVerify\s*:\s*true|"
         r"CURLOPT_SSL_VERIFY"
         r"(?:PEER|HOST)\s*,\s*(?:0|false|FALSE)|ServerCertificateValidationCallback|_create_unverified_context|"
         r"ALLOW_ALL_HOSTNAME|NODE_TLS_REJECT_UNAUTHORIZED"),
    Rule("python", "CWE-377", 0.7, r"\btempfile\.mktemp\s*\(|\bos\.(?:tempnam|tmpnam)\("),                        # B306
    # B108
    Rule("python", "CWE-377", 0.4, r"[\"']/tmp/[\w.-]+[\"']"),
    # B103
    Rule("python", "CWE-732", 0.7, r"os\.chmod\([^)\n]*0?o?7[67]7"),
    # B202
    Rule("python", "CWE-22", 0.7, r"\b(?:tarfile|zipfile)\.\w+\([^\n]*\)\.extractall|\.extractall\(\s*\)"),
    # B312, B321
    Rule("python", "CWE-319", 0.4, r"\b(?:telnetlib|ftplib)\.\w+\("),
    Rule("python java csharp php", "CWE-611", 0.4, r"xml\.(?:etree|dom|sax)|lxml\.etree|DocumentBuilderFactory|"
         r"SAXParserFactory|"
         r"XMLInputFactory|XmlTextReader|new\s+XmlDocument\s*\(|XmlReader\.Create|simplexml_load|LIBXML_NOENT|"
         r"SAXReader|SAXBuilder"),
    Rule("javascript", "CWE-79", 0.7, r"\.innerHTML\s*\+?=\s*[^'\"\s;]|\.outerHTML\s*=|document\.write(?:ln)?\s*\(|"
         r"dangerouslySetInnerHTML|insertAdjacentHTML|v-html"),
    Rule("php", "CWE-79", 0.7, r"\b(?:echo|print)\b[^;\n]*\$_(?:GET|POST|REQUEST|COOKIE|SERVER)"),
    Rule("javascript", "CWE-185", 0.4, r"new\s+RegExp\s*\(" + r"\s*[^'\"/\s)]"),
    Rule("javascript", "CWE-22", 0.4, r"\b(?:readFile|writeFile|createReadStream|createWriteStream|unlink|"
         r"sendFile|readdir)(?:Sync)?\s*\(" +
         r"\s*(?:[A-Za-z_$]|`[^`\n]*\$|['\"][^'\"\n]*['\"]\s*\+)"),
    Rule("javascript", "CWE-345", 0.4, r"\.postMessage\s*\([^\n]*['\"]\*['\"]|"
         r"addEventListener\s*\(\s*['\"]message['\"]"),
    Rule("javascript", "CWE-208", 0.4, r"(?i:password|passwd|secret|token|hash|apikey|signature)\w*\s*(?:===?|"
         r"!==?)\s*[\w$.]|"
         r"[\w$.]\s*(?:===?|!==?)\s*[\w$.]*(?i:password|passwd|secret|token|hash|apikey)\b"),
    Rule("javascript", "CWE-770", 0.4, r"\bnew\s+Buffer\s*\(|Buffer\.alloc\w*\s*\(\s*[A-Za-z_]|allocUnsafe|noAssert"),
    Rule("javascript", "CWE-319", 0.4, r"\bhttp\.(?:createServer|get|request)\s*\("),
    Rule("java csharp", "CWE-918", 0.4, r"new\s+(?:java\.net\.)?(?:Socket|InetSocketAddress|URL|"
         r"ServerSocket)\s*\(\s*[A-Za-z_]|"
         r"\.openConnection\s*\(|WebRequest\.Create\s*\(\s*[A-Za-z_]"),
    Rule("php", "CWE-290", 0.4, r"\$_SERVER\s*\[\s*['\"](?:REMOTE_ADDR|HTTP_X_FORWARDED_FOR|HTTP_CLIENT_IP|"
         r"HTTP_REFERER)"),
    Rule("php", "CWE-601", 0.7, r"header\s*\(\s*['\"](?i:location):[^)\n]*\$"),
    Rule("csharp", "CWE-601", 0.4, r"\bRedirect(?:Permanent)?\s*\(\s*(?:returnUrl|url|Request)"),
    Rule("csharp", "CWE-352", 0.4, r"\[(?:HttpPost|HttpPut|HttpDelete|HttpPatch|AcceptVerbs)"),
    Rule("php", "CWE-200", 0.4, r"\b(?:phpinfo|var_dump|print_r|debug_backtrace)\s*\(|display_errors"),
    Rule("java", "CWE-200", 0.4, r"\.printStackTrace\s*\("),
)
