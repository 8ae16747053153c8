package sheet

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/govqa/govqa/corpus"
)

// limitUnits maps the units that occur to those of [corpus.Units].
var limitUnits = map[string]string{
	"工作日": "工作日", "个工作日": "工作日", "工作天": "工作日", "日": "日", "天": "天", "自然日": "自然日", "个自然日": "自然日", "日历日": "自然日",
	"个日历日": "自然日", "月": "月", "个月": "个月", "年": "年", "小时": "小时", "个小时": "小时", "时": "小时", "分钟": "分钟", "即办": "即办",
}

// onTheSpot are the cells that say that a matter is done at once.
var onTheSpot = []string{"即办", "即办件", "当场办结", "当场", "当场办理", "即时", "即时办结", "即时办理", "即来即办", "立等可取", "立即", "立即办理", "现场办结", "即审即办", "马上办"}

const (
	numeral   = `(\d+|[零〇一二两三四五六七八九十百千]+)`
	limitUnit = `(个?工作日|工作天|个?自然日|个?日历日|个小时|小时|分钟|个月|日|天|月|年)`
)

var (
	limitAmount = regexp.MustCompile(numeral + `\s*` + limitUnit)
	// limitCore is a whole cell: what introduces a limit, the limit, what
	// closes it, and a remark in brackets or behind a comma.
	limitCore = regexp.MustCompile(`^(?:法定|承诺|办结|办理|时限|期限|[:：为]|自?(?:受理|收到申请|收到申请材料|收件|申请)(?:之日起|之日|之后|后|起)?|不超过|最长|最多|约|在|共|[,，\s])*` +
		numeral + `\s*` + limitUnit + `(?:之?内|以内)?(?:办结|办理完毕|完成|作出决定|做出决定)?[。\s]*(?:[（(](.+)[)）]|[,，;；。\s](.+))?[。;；]?$`)
	// secondLimit is a remark that sets a limit of its own: 法定20日，承诺5个.
	secondLimit = regexp.MustCompile(`承诺|法定|` + numeral + `\s*个`)
	bareNumber  = regexp.MustCompile(`^` + numeral + `(\.0+)?$`)
	brackets    = regexp.MustCompile(`[（(][^（()）]*[)）]`)
)

var (
	errLimitUnit  = errors.New("只有数字，没有单位")
	errLimitTwice = errors.New("写了不止一个时限，不能确定取哪一个")
	errLimit      = errors.New("看不懂的时限")
)

// ParseLimit reads a time limit as agencies write it: 15个工作日, 即办,
// 20日（不含公示）, 十五个工作日. A remark becomes the note. It returns nil for a
// cell that says nothing, and an error, in Chinese, for one that is ambiguous
// or not understood: a wrong limit is worse than none. The unit is that of the
// column; if "", a bare number other than 0 is an error.
func ParseLimit(cell, unit string) (*corpus.Limit, error) {
	cell = strings.ReplaceAll(value(cell), "\n", " ")
	if cell == "" || noLimit(cell) {
		return nil, nil
	}
	s := strings.Trim(halfWidth(cell), " .;。；")
	if slices.Contains(onTheSpot, s) {
		return &corpus.Limit{Unit: "即办"}, nil
	}
	if m := bareNumber.FindStringSubmatch(s); m != nil {
		return bareLimit(cell, m[1], unit)
	}
	if len(limitAmount.FindAllString(brackets.ReplaceAllString(s, ""), -1)) > 1 {
		return nil, fmt.Errorf("%w：%q", errLimitTwice, short(cell))
	}
	m := limitCore.FindStringSubmatch(strings.Trim(digits(cell), " ;；"))
	if m == nil {
		return nil, fmt.Errorf("%w：%q", errLimit, short(cell))
	}
	note := strings.TrimSpace(m[3] + m[4])
	if onlySpot(note) || secondLimit.MatchString(m[4]) {
		return nil, fmt.Errorf("%w：%q", errLimitTwice, short(cell))
	}
	return newLimit(cell, m[1], limitUnits[m[2]], note)
}

func onlySpot(note string) bool {
	return slices.Contains(onTheSpot, strings.TrimPrefix(note, "承诺"))
}

// noLimit reports whether the cell says that no rule sets a limit. The format
// has no word for that, so the field stays unpublished.
func noLimit(s string) bool {
	return slices.Contains([]string{"无法定时限", "无法定办结时限", "无法定期限", "无时限", "无期限", "未规定", "法律未规定", "法律法规未规定", "无时限要求", "没有规定"}, s)
}

func bareLimit(cell, num, unit string) (*corpus.Limit, error) {
	n, err := parseNumber(num)
	if err != nil {
		return nil, err
	}
	if n == 0 || unit == "即办" {
		if n != 0 {
			return nil, fmt.Errorf("%w：%q 却以即办为单位", errLimit, short(cell))
		}
		return &corpus.Limit{Unit: "即办"}, nil
	}
	if unit == "" {
		return nil, fmt.Errorf("%w：%q", errLimitUnit, short(cell))
	}
	return &corpus.Limit{N: n, Unit: unit}, nil
}

func newLimit(cell, num, unit, note string) (*corpus.Limit, error) {
	n, err := parseNumber(num)
	if err != nil {
		return nil, fmt.Errorf("%w：%q", err, short(cell))
	}
	if n == 0 {
		return &corpus.Limit{Unit: "即办", Note: note}, nil
	}
	return &corpus.Limit{N: n, Unit: unit, Note: note}, nil
}

// digits brings full-width digits, and nothing else, to ASCII.
func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '０' && r <= '９' {
			return r - '０' + '0'
		}
		return r
	}, s)
}

var errNumber = errors.New("不是合理的数")

// parseNumber reads a number below 100,000 in Arabic or Chinese numerals.
func parseNumber(s string) (int, error) {
	if s == "" || len(s) > 24 {
		return 0, fmt.Errorf("%w：%q", errNumber, short(s))
	}
	if s[0] >= '0' && s[0] <= '9' {
		n, err := strconv.Atoi(s)
		if err != nil || n >= 100_000 {
			return 0, fmt.Errorf("%w：%q", errNumber, short(s))
		}
		return n, nil
	}
	return chineseNumber(s)
}

// chineseNumber reads 十五, 一百二十, 两千零五; a numeral before a smaller one
// without a unit (二三) is no number.
func chineseNumber(s string) (int, error) {
	bad := fmt.Errorf("%w：%q", errNumber, s)
	total, digit, last := 0, -1, 10_000
	for _, r := range s {
		if i := strings.IndexRune("零一二三四五六七八九", r); i >= 0 || r == '两' || r == '〇' {
			if digit > 0 {
				return 0, bad
			}
			digit = chineseDigit(r)
			continue
		}
		scale := map[rune]int{'十': 10, '百': 100, '千': 1000}[r]
		if scale == 0 || scale >= last || digit < 0 && scale != 10 {
			return 0, bad
		}
		if digit <= 0 { // 十五, 一百零十
			digit = 1
		}
		total, digit, last = total+digit*scale, -1, scale
	}
	if digit > 0 {
		total += digit
	}
	return total, nil
}

func chineseDigit(r rune) int {
	switch r {
	case '两':
		return 2
	case '〇':
		return 0
	}
	return strings.Index("零一二三四五六七八九", string(r)) / len("零")
}

// short cuts a cell for an error message.
func short(s string) string {
	if rs := []rune(s); len(rs) > 40 {
		return string(rs[:40]) + "…"
	}
	return s
}
