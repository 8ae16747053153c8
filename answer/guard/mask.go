package guard

import (
	"slices"
	"strings"

	"github.com/govqa/govqa/nlp"
)

// A Kind is a kind of personal data.
type Kind string

// The kinds that are found.
const (
	IDNumber Kind = "id_number" // resident ID, 15 or 18 long, right or mistyped
	Phone    Kind = "phone"     // mobile
	BankCard Kind = "bank_card"
	Passport Kind = "passport" // and permits for Hong Kong, Macao, Taiwan
	Plate    Kind = "plate"
	Email    Kind = "email"
	Account  Kind = "account" // QQ, WeChat
	Address  Kind = "address" // down to the room
	Name     Kind = "name"
	Number   Kind = "number" // a long number of an unknown kind
)

// A Private is a stretch of personal data in a text, in runes.
type Private struct {
	Start, End int
	Kind       Kind
}

// Mask hides personal data: every letter, digit and Chinese character of it
// becomes a star, the signs between them go. The rest is the normalised text.
// Masking twice is masking once.
func Mask(text string) string { return replace(nlp.Normalize(text), '*') }

// Strip takes personal data out of a text, so that what remains can be
// searched, and reports whether there was any. The word that says what a
// number is goes with it when it would be read as a question (电话); 身份证 stays,
// for it is what the question is about. A text without any comes back as it
// was.
func Strip(text string) (string, bool) {
	normal := nlp.Normalize(text)
	found := Find(normal)
	if len(found) == 0 {
		return text, false
	}
	runes := []rune(normal)
	for i := range found {
		if found[i].Kind == Phone || found[i].Kind == Number || found[i].Kind == Address {
			found[i].Start = labelStart(runes, found[i].Start)
		}
	}
	return nlp.Normalize(replace(replaceOnce(normal, found, ' '), ' ')), true
}

// labels stand before a number and say what it is; joints may be between.
var labels = []string{"联系电话", "联系方式", "电话号码", "手机号码", "手机号", "电话", "手机", "号码", "家住", "住在", "住址", "地址"}

// labelStart returns where the label before a number begins, or where the
// number does.
func labelStart(s []rune, start int) int {
	at := start
	for at > 0 && start-at < 3 && strings.ContainsRune(":号是为 ", s[at-1]) {
		at--
	}
	for _, l := range labels {
		label := []rune(l)
		if n := at - len(label); n >= 0 && slices.Equal(s[n:at], label) {
			return n
		}
	}
	return start
}

// replace puts a character for each of the personal data. What was part of a
// longer code can be a number of its own once its neighbour is gone, so it
// looks again until nothing is found.
func replace(text string, with rune) string {
	for range 8 {
		found := Find(text)
		if len(found) == 0 {
			break
		}
		text = replaceOnce(text, found, with)
	}
	return text
}

func replaceOnce(text string, found []Private, with rune) string {
	runes := []rune(text)
	var b strings.Builder
	at := 0
	for _, p := range found {
		b.WriteString(string(runes[at:max(at, p.Start)]))
		for _, r := range runes[max(at, p.Start):p.End] {
			if isLetterOrDigit(r) || nlp.IsHan(r) {
				b.WriteRune(with)
			}
		}
		at = p.End
	}
	b.WriteString(string(runes[at:]))
	return b.String()
}

// Find finds the personal data of a normalised text, in text order and
// without overlaps. Numbers of public services (12345, 95588, 020-12345678)
// are none.
func Find(text string) []Private {
	s := []rune(text)
	digits, spoken, names := 0, 0, false
	for _, r := range s {
		switch {
		case isDigit(r):
			digits++
		case r == '叫' || r == '名' || r == '人' || r == '是' || r == '主' || r == '者':
			names = true
		case isNumeral(r):
			spoken++
		}
	}
	var found []Private
	add := func(p Private) {
		if !slices.ContainsFunc(found, func(o Private) bool { return p.Start < o.End && o.Start < p.End }) {
			found = append(found, p)
		}
	}
	// Where two readings overlap, the one that is looked for first stands.
	findEmails(s, add)
	if digits > 0 || strings.ContainsRune(text, '_') {
		findAccounts(s, add)
	}
	if digits > 0 {
		findAddresses(s, add)
		findPlates(s, add)
		findNumbers(s, add)
	}
	if spoken > 0 && digits+spoken >= 8 {
		findSpoken(s, add)
	}
	if names {
		findNames(s, add)
	}
	slices.SortFunc(found, func(a, b Private) int { return a.Start - b.Start })
	return found
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }

// isMailRune reports whether r can stand in an e-mail address or an account.
func isMailRune(r rune) bool { return isLetterOrDigit(r) || strings.ContainsRune("._-+", r) }

func findEmails(s []rune, add func(Private)) {
	for i, r := range s {
		if r != '@' {
			continue
		}
		start, end := i, i+1
		for start > 0 && isMailRune(s[start-1]) {
			start--
		}
		for end < len(s) && isMailRune(s[end]) {
			end++
		}
		if start < i && end > i+1 {
			add(Private{start, end, Email})
		}
	}
}

// accountCues stand before the number or name of an account.
var accountCues = []string{"微信", "微信号", "vx", "v信", "wx", "wechat", "qq", "qq号", "qq号码", "扣扣", "抖音号", "支付宝"}

// findAccounts looks for a cue and the account behind it: 微信：abc_123.
func findAccounts(s []rune, add func(Private)) {
	for _, cue := range accountCues {
		c := []rune(cue)
		for i := 0; i+len(c) < len(s); i++ {
			if !slices.Equal(s[i:i+len(c)], c) || isLetter(c[0]) && i > 0 && isLetter(s[i-1]) {
				continue
			}
			start := i + len(c)
			for start < len(s) && strings.ContainsRune("号码是为加我的: ", s[start]) && start-i-len(c) < 6 {
				start++
			}
			end, digits := start, 0
			for end < len(s) && (isLetterOrDigit(s[end]) || s[end] == '_' || s[end] == '-') {
				if isDigit(s[end]) {
					digits++
				}
				end++
			}
			if end-start >= 5 && (digits > 0 || strings.ContainsRune(string(s[start:end]), '_')) {
				add(Private{start, end, Account})
			}
		}
	}
}

const provinces = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"

// findPlates looks for 粤A12345, 粤a·d12345.
func findPlates(s []rune, add func(Private)) {
	for i := 0; i+6 < len(s); i++ {
		if !strings.ContainsRune(provinces, s[i]) || !isLetter(s[i+1]) {
			continue
		}
		start := i + 2
		for start < len(s) && strings.ContainsRune(" ·.-", s[start]) {
			start++
		}
		end, digits := start, 0
		for end < len(s) && isLetterOrDigit(s[end]) {
			if isDigit(s[end]) {
				digits++
			}
			end++
		}
		if n := end - start; digits >= 2 && (n == 5 || n == 6 || n == 4 && end < len(s) && strings.ContainsRune("挂学警港澳", s[end])) {
			add(Private{i, end, Plate})
		}
	}
}

// Signs in an address: what a road's name ends with, and what is counted in a
// house.
const (
	roadEnds  = "路街道巷弄里村庄苑园城区"
	houseEnds = "号栋幢座楼单元室房层户"
)

// findAddresses looks for numbers of houses and rooms: 中山路12号3栋501室. A
// house number alone is that of an office as often as that of a home, so it
// counts only behind a cue such as 家住; a room counts always.
func findAddresses(s []rune, add func(Private)) {
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) || i > 0 && isDigit(s[i-1]) {
			continue
		}
		end, parts, room := houseParts(s, i)
		if parts == 0 {
			continue
		}
		start := i
		for start > 0 && i-start < 16 && nlp.IsHan(s[start-1]) && !strings.ContainsRune("在住址是为到去的了", s[start-1]) {
			start--
		}
		road := strings.ContainsAny(string(s[start:i]), roadEnds) || i-start >= 2 && strings.ContainsAny(string(s[start:i]), "厦座期府湾")
		cue := strings.ContainsAny(string(s[max(0, start-4):start]), "住址")
		if road && (room && parts >= 2 || cue) || room && cue || parts >= 3 {
			add(Private{start, end, Address})
		}
		i = end
	}
}

// houseParts reads 12号3栋2单元501室 from i on: where it ends, of how many
// parts it is, and whether a room is among them.
func houseParts(s []rune, i int) (end, parts int, room bool) {
	end = i
	for i < len(s) {
		j := i
		for j < len(s) && (isDigit(s[j]) || s[j] == '-' && j > i || isLetter(s[j]) && j == i && parts > 0) {
			j++
		}
		if j == i || j-i > 6 {
			return end, parts, room
		}
		if j == len(s) || !strings.ContainsRune(houseEnds+"#", s[j]) {
			if parts > 0 && j-i >= 3 && j-i <= 4 { // 3栋501
				return j, parts + 1, true
			}
			return end, parts, room
		}
		room = room || strings.ContainsRune("室房户", s[j]) || s[j] == '单'
		if s[j] == '单' && j+1 < len(s) {
			j++ // 单元
		}
		i = j + 1
		if i < len(s) && s[i] == '楼' && s[j] == '号' {
			i++ // 3号楼
		}
		end = i
		parts++
		for i < len(s) && (s[i] == ' ' || s[i] == ',') {
			i++
		}
		i = pastBuilding(s, i)
	}
	return end, parts, room
}

// pastBuilding skips the name of a building between two parts of an address,
// as in 103号维多利广场a座, if a part follows it.
func pastBuilding(s []rune, i int) int {
	j := i
	for j < len(s) && j-i < 8 && nlp.IsHan(s[j]) {
		j++
	}
	k := j
	for k < len(s) && k-j < 4 && isLetterOrDigit(s[k]) {
		k++
	}
	if k > j && k < len(s) && strings.ContainsRune("栋幢座单室房", s[k]) {
		return j
	}
	return i
}

// nameCues stand before a person's name.
var nameCues = []string{"我叫", "我是叫", "名叫", "名字叫", "名字是", "名字:", "姓名:", "姓名是", "姓名为", "姓名叫", "姓名 ", "本人叫", "老公叫", "老婆叫",
	"孩子叫", "儿子叫", "女儿叫", "妈妈叫", "爸爸叫", "母亲叫", "父亲叫", "联系人:", "联系人是", "申请人:", "申请人是", "法人叫", "法定代表人是"}

const surnames = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏窦章苏潘葛奚范彭郎鲁韦昌马苗凤方俞任袁柳鲍史唐费廉岑薛雷贺倪汤滕殷罗毕郝邬安常乐于时傅皮卞齐康伍余顾孟平黄穆萧尹姚邵湛汪祁毛禹狄贝明臧计伏成戴宋茅庞熊纪舒屈项祝董梁杜阮蓝闵季麻强贾路娄危江童颜郭梅盛林刁钟徐邱骆高夏蔡田樊胡凌霍虞万支柯管卢莫房裘缪解应宗丁宣邓郁杭洪包左石崔吉龚程邢裴陆荣翁荀羊惠甄曲封芮靳段焦巴弓牧车侯全班秋仲伊宫宁仇栾甘厉祖武符刘景詹束龙叶司黎薄白怀蒲从鄂索赖卓蔺屠蒙池乔阴闻党翟谭姬申扶冉雍桑桂牛寿通边燕冀尚农温庄晏柴瞿阎慕连茹习艾容向古易慎戈廖终居衡步都耿满匡国文寇广禄阙东欧沃蔚越隆师巩聂勾敖融冷辛阚那简饶曾沙养丰关查荆游竺权盖益桓公肖"

// doubleSurnames are the commonest surnames of two characters.
var doubleSurnames = []string{"欧阳", "司马", "上官", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "夏侯", "司徒"}

// selfCues are so common before other words that the surname behind them must
// be one of the commonest, and the name end its clause: 我是张伟，…
var selfCues = []string{"我是", "本人是", "本人", "户主", "户主是", "业主", "申请人", "经办人", "患者", "死者", "被保险人"}

const commonSurnames = "王李张刘陈杨赵黄周吴徐孙胡朱林何郭罗梁宋郑谢韩唐冯董萧程曹袁邓许傅沈曾彭吕苏蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊陆郝孔白崔康毛邱秦顾侯邵孟"

// notNames go on a sentence behind a name.
const notNames = ",.;:!?、。 ()想要来去的是在今年住办问没有电身手联从户籍请帮能可以不和与及男女性因为,现已丢补"

// findNames looks for a surname and one or two characters behind a cue.
func findNames(s []rune, add func(Private)) {
	eachCue(s, nameCues, func(start int) {
		if !strings.ContainsRune(surnames, s[start]) {
			return
		}
		if end := nameEnd(s, start); end-start >= 2 {
			add(Private{start, end, Name})
		}
	})
	eachCue(s, selfCues, func(start int) {
		end := nameEnd(s, start)
		if strings.ContainsRune(commonSurnames, s[start]) && end-start >= 2 && (end == len(s) || !nlp.IsHan(s[end]) && !isLetterOrDigit(s[end])) {
			add(Private{start, end, Name})
		}
	})
}

// eachCue calls found with the place behind every cue.
func eachCue(s []rune, cues []string, found func(start int)) {
	for _, cue := range cues {
		c := []rune(cue)
		for i := 0; i+len(c)+1 < len(s); i++ {
			if !slices.Equal(s[i:i+len(c)], c) {
				continue
			}
			start := i + len(c)
			for start < len(s) && strings.ContainsRune(": 做", s[start]) {
				start++
			}
			if start+1 < len(s) {
				found(start)
			}
		}
	}
}

// nameEnd returns where a name of a surname and at most two characters ends.
func nameEnd(s []rune, start int) int {
	longest, end := 3, start+1
	if slices.Contains(doubleSurnames, string(s[start:start+2])) {
		longest, end = 4, start+2
	}
	for end < len(s) && end-start < longest && nlp.IsHan(s[end]) && !strings.ContainsRune(notNames, s[end]) {
		end++
	}
	return end
}
