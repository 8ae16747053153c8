package sheet

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/govqa/govqa/corpus"
)

// codes maps what a column holds, codes of the national dictionary and other
// spellings, to the word of the standard.
type codes map[string]string

var (
	kinds = codes{"1": "行政许可", "2": "行政处罚", "3": "行政强制", "4": "行政征收", "5": "行政给付", "6": "行政检查", "7": "行政确认", "8": "行政奖励",
		"9": "行政裁决", "10": "其他行政权力", "20": "公共服务", "公共服务事项": "公共服务", "其他权力": "其他行政权力", "其他职权": "其他行政权力",
		"其他类": "其他行政权力", "行政许可事项": "行政许可", "许可": "行政许可"}
	processes = codes{"1": "即办件", "2": "承诺件", "即审即办": "即办件", "即办": "即办件", "当场办结": "即办件", "即办类": "即办件", "前审后批": "承诺件", "承诺办理": "承诺件", "承诺": "承诺件", "承诺办": "承诺件"}
	levels    = codes{"1": "国家级", "2": "省级", "3": "市级", "4": "县级", "5": "镇级", "6": "村级", "国家": "国家级", "省": "省级", "市": "市级", "县": "县级",
		"区": "县级", "区级": "县级", "区县级": "县级", "县(区)级": "县级", "县区级": "县级", "镇": "镇级", "乡镇": "镇级", "乡镇级": "镇级", "街道": "镇级",
		"镇(乡、街道)级": "镇级", "镇(乡、街道)": "镇级", "乡(镇、街道)级": "镇级", "村": "村级", "社区": "村级", "村(社区)级": "村级", "村(社区)": "村级"}
	scopes    = codes{"1": "全国", "2": "全省", "3": "全市", "4": "全县", "5": "全镇", "6": "跨村", "全国通办": "全国", "全省通办": "全省", "全市通办": "全市", "全县通办": "全县", "全区通办": "全县"}
	channels  = codes{"1": "窗口办理", "2": "网上办理", "3": "快递申请"}
	materialK = codes{"1": "原件", "2": "复印件", "3": "原件或复印件"}
	materialF = codes{"1": "纸质", "2": "电子", "3": "纸质或电子", "纸质材料": "纸质", "电子材料": "电子", "电子版": "电子", "电子件": "电子", "纸质/电子": "纸质或电子", "纸质、电子": "纸质或电子", "纸质和电子": "纸质和电子"}
	needs     = codes{"1": "必要", "2": "非必要", "3": "容缺后补", "是": "必要", "否": "非必要", "必需": "必要", "必须": "必要", "必要材料": "必要", "非必需": "非必要", "非必须": "非必要", "可选": "非必要", "√": "必要", "×": "非必要", "y": "必要", "n": "非必要"}
	sources   = codes{"10": "申请人自备", "20": "政府部门核发", "30": "中介机构", "99": "其他"}
	audiences = codes{"1": "自然人", "2": "企业法人", "3": "事业法人", "4": "社会组织法人", "5": "非法人企业", "6": "行政机关", "7": "其他组织", "9": "其他组织", "社会组织": "社会组织法人", "机关法人": "行政机关", "其他法人": "其他组织"}
)

var numberCode = regexp.MustCompile(`^\d{1,3}(\.0+)?$`)

// word is the standard's word for s; false if s is a code that the table does
// not have. Other words are kept as the department writes them.
func (c codes) word(s string) (string, bool) {
	key := strings.ToLower(strings.ReplaceAll(halfWidth(s), " ", ""))
	if numberCode.MatchString(key) {
		key, _, _ = strings.Cut(key, ".")
		w, ok := c[trimZeros(key)]
		return w, ok
	}
	if w, ok := c[key]; ok {
		return w, true
	}
	return s, true
}

// trimZeros drops leading zeros: departments write 01 and 1.
func trimZeros(s string) string {
	if t := strings.TrimLeft(s, "0"); t != "" {
		return t
	}
	return "0"
}

var listSeparator = regexp.MustCompile(`[,，;；、|\n\t]+|\s{2,}`)

// list splits a cell that holds several short values.
func list(s string) []string {
	var items []string
	for _, item := range listSeparator.Split(s, -1) {
		if item = strings.TrimSpace(item); item != "" && !slices.Contains(items, item) {
			items = append(items, item)
		}
	}
	return items
}

// words translates each item of a list cell; the second result holds the codes
// that are unknown.
func (c codes) words(s string) (known, unknown []string) {
	for _, item := range list(s) {
		if w, ok := c.word(item); !ok {
			unknown = append(unknown, item)
		} else if !slices.Contains(known, w) {
			known = append(known, w)
		}
	}
	return known, unknown
}

// parseAudience reads codes ("1,2") and names. Everyone (不限) is the empty
// list, which fits everyone.
func parseAudience(s string) (known []corpus.Audience, unknown []string) {
	for _, item := range listSeparator.Split(strings.ReplaceAll(s, "/", ","), -1) {
		item = strings.TrimSpace(item)
		if item == "" || slices.Contains([]string{"不限", "全部", "所有", "社会公众", "所有对象"}, item) {
			continue
		}
		w, _ := audiences.word(item)
		a, ok := corpus.ParseAudience(w)
		if !ok {
			a, ok = corpus.ParseAudience(strings.TrimSpace(headerBracket.ReplaceAllString(halfWidth(item), "")))
		}
		if !ok {
			unknown = append(unknown, item)
		} else if !slices.Contains(known, a) {
			known = append(known, a)
		}
	}
	return known, unknown
}

// parseThemes reads theme names and the codes of the national dictionary,
// which number the list of names in fives and pass over 080; names is nil when
// a column may hold either list, and then codes are not understood.
func parseThemes(s string, names []corpus.Theme) (known []corpus.Theme, unknown []string) {
	for _, item := range list(s) {
		t, ok := corpus.Theme(item), true
		if numberCode.MatchString(item) {
			t, ok = themeOf(item, names)
		}
		switch {
		case !ok:
			unknown = append(unknown, item)
		case t != "" && !slices.Contains(known, t):
			known = append(known, t)
		}
	}
	return known, unknown
}

func themeOf(code string, names []corpus.Theme) (corpus.Theme, bool) {
	n, err := strconv.Atoi(code)
	if err != nil || names == nil {
		return "", false
	}
	switch {
	case n == 999:
		return names[len(names)-1], true
	case n == 998: // 地方特色分类, which names nothing
		return "", true
	case n%5 != 0 || n < 5 || n == 80:
		return "", false
	}
	i := n/5 - 1
	if n > 80 {
		i--
	}
	if i >= len(names)-1 {
		return "", false
	}
	return names[i], true
}

// parseYes reads a yes/no column; nil and false if it is neither.
func parseYes(s string) (*bool, bool) {
	switch strings.ToLower(strings.Trim(halfWidth(s), " .。")) {
	case "是", "支持", "可", "可以", "有", "√", "✓", "✔", "☑", "y", "yes", "true", "t", "1", "1.0":
		return new(true), true
	case "否", "不支持", "不可", "不可以", "不能", "×", "✗", "✘", "x", "n", "no", "false", "f", "0", "0.0":
		return new(false), true
	}
	return nil, false
}

// parseCharged reads 是否收费, where 无 is an answer.
func parseCharged(cell string) (*bool, bool) {
	s := plainText(cell)
	switch s {
	case "无", "不收费", "免费", "不收取费用", "不收":
		return new(false), true
	case "收费", "收":
		return new(true), true
	}
	if saysNothing(s) {
		return nil, true
	}
	return parseYes(s)
}

var (
	dateNumbers = regexp.MustCompile(`^(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[T\s]\s*\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$`)
	dateDigits  = regexp.MustCompile(`^(\d{4})(\d{2})(\d{2})$`)
	dateSerial  = regexp.MustCompile(`^(\d{5})(\.\d+)?$`)
)

// parseDate reads a day in the spellings of exports, or as the serial number
// of a spreadsheet, into 2006-01-02.
func parseDate(cell string, from1904 bool) (string, error) {
	s := strings.TrimSpace(halfWidth(cell))
	if m := dateSerial.FindStringSubmatch(s); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return "", fmt.Errorf("%w：%q", errNumber, s)
		}
		day := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
		if from1904 {
			day = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		return day.AddDate(0, 0, n).Format(time.DateOnly), nil
	}
	m := dateNumbers.FindStringSubmatch(s)
	if m == nil {
		m = dateDigits.FindStringSubmatch(s)
	}
	if m == nil {
		return "", fmt.Errorf("日期 %q 看不懂，应形如 2026-01-31", short(cell))
	}
	day, err := time.Parse("2006-1-2", m[1]+"-"+strings.TrimPrefix(m[2], "0")+"-"+strings.TrimPrefix(m[3], "0"))
	if err != nil {
		return "", fmt.Errorf("没有 %q 这一天", short(cell))
	}
	return day.Format(time.DateOnly), nil
}

var visitCount = regexp.MustCompile(`^(?:最多|至多|不超过|需|跑)*` + numeral + `(?:\.0+)?\s*次?$`)

// parseVisits reads 到办事现场次数.
func parseVisits(cell string) (*int, error) {
	s := strings.TrimSpace(halfWidth(cell))
	if s == "零跑动" || s == "零跑腿" || s == "不用跑" || s == "一次不跑" {
		return new(0), nil
	}
	m := visitCount.FindStringSubmatch(s)
	if m == nil {
		return nil, fmt.Errorf("次数 %q 看不懂", short(cell))
	}
	n, err := parseNumber(m[1])
	if err != nil {
		return nil, err
	}
	return new(n), nil
}

var webAddress = regexp.MustCompile(`https?://[^\s<>"'，。；、（）《》]+`)

// parseURL finds the one web address of a cell. No address, or several, is
// false: which one to give to a citizen is for an editor to say.
func parseURL(cell string) (string, bool) {
	found := webAddress.FindAllString(cell, -1)
	if len(found) != 1 {
		return "", false
	}
	u, err := url.Parse(found[0])
	if err != nil || u.Host == "" {
		return "", false
	}
	return found[0], true
}

var (
	scientific = regexp.MustCompile(`^\d(\.\d+)?[eE]\+?\d+$`)
	allDigits  = regexp.MustCompile(`^\d{18,}$`)
)

// parseCode cleans a code and refuses one that a spreadsheet has taken for a
// number, because its last digits are gone.
func parseCode(cell string) (string, error) {
	s := strings.TrimSpace(halfWidth(value(cell)))
	if scientific.MatchString(s) {
		return "", fmt.Errorf("编码 %s 已被表格软件变成科学计数，请把该列设为文本后重新填写", s)
	}
	if allDigits.MatchString(s) && strings.Trim(s[16:], "0") == "" {
		return "", fmt.Errorf("编码 %s 第 16 位以后全是 0，应是被表格软件当成了数字，请把该列设为文本后重新填写", s)
	}
	return s, nil
}
