package corpus

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Lengths, in characters, of the names that are looked for. The longest name
// of the standard has 15 characters.
const (
	minPlace = 2
	maxPlace = 24
)

// A place is what one spelling can mean.
type place struct {
	codes []RegionCode // at most 64, provinces first
	// weak has a bit for each code for which the spelling is so ordinary a
	// word that it counts only if something speaks for it.
	weak uint64
	// short says that the spelling is a full name or alias of none of codes.
	short bool
}

// within returns the codes of p that lie inside one of outer.
func (p *place) within(outer []RegionCode) []RegionCode {
	return subset(p.codes, func(i int) bool {
		return slices.ContainsFunc(outer, func(o RegionCode) bool { return o != p.codes[i] && p.codes[i].Within(o) })
	})
}

type placeIndex struct {
	places  map[string]*place
	lengths map[rune]uint32 // first character -> bit n set if a name of n characters begins so
	aliases map[RegionCode][]string
}

// newPlaceIndex indexes the spellings of codes, which come in the order in
// which a place lists them.
func newPlaceIndex(codes []RegionCode, names map[RegionCode]string, aliases map[RegionCode][]string) *placeIndex {
	x := &placeIndex{
		places:  make(map[string]*place, 3*len(codes)),
		lengths: make(map[rune]uint32, 1024),
		aliases: aliases,
	}
	if x.aliases == nil {
		x.aliases = map[RegionCode][]string{}
	}
	for _, c := range codes {
		if c == country {
			continue // 全国 is no place to look for
		}
		name := names[c]
		x.add(name, c, ordinary(name), false)
		for _, a := range x.aliases[c] {
			x.add(a, c, false, false)
		}
		short, long := shortNames(name)
		x.add(short, c, c.Depth() >= 3 || ordinary(short), true)
		x.add(long, c, false, false)
	}
	return x
}

func (x *placeIndex) add(name string, c RegionCode, weak, short bool) {
	n := utf8.RuneCountInString(name)
	if n < minPlace || n > maxPlace {
		return
	}
	first, _ := utf8.DecodeRuneInString(name)
	x.lengths[first] |= 1 << n
	p := x.places[name]
	if p == nil {
		p = &place{short: true}
		x.places[name] = p
	}
	p.short = p.short && short
	if len(p.codes) == 64 || slices.Contains(p.codes, c) {
		return
	}
	if weak {
		p.weak |= 1 << len(p.codes)
	}
	p.codes = append(p.codes, c)
}

// ordinary reports whether a name is so ordinary a word that without anything
// else to speak for it no place is meant.
func ordinary(name string) bool {
	switch name {
	case "老城区", "新城区", "来宾", "日照", "白银":
		return true
	}
	// 城区, 郊区, 矿区, 东区, 西区
	return utf8.RuneCountInString(name) == 2 && strings.HasSuffix(name, "区")
}

// kinds lists the endings that say what kind of division a name is of, longer
// ones before those that they end in, with what people say for the long ones.
// A stem of fewer than least characters shows that a shorter ending is meant
// (万柏林区, 清新区).
var kinds = []struct {
	full, said string
	least      int
}{
	{"特别行政区", "", 2},
	{"自治区", "自治区", 2},
	{"自治州", "州", 2},
	{"自治县", "县", 2},
	{"自治旗", "旗", 2},
	{"地区", "", 2},
	{"新区", "", 2},
	{"林区", "", 3},
	{"矿区", "", 2},
	{"特区", "", 2},
	{"省", "", 2},
	{"市", "", 2},
	{"盟", "", 2},
	{"县", "", 2},
	{"区", "", 2},
}

// peoples lists the peoples (民族) that stand in the names of divisions.
var peoples = []string{
	"蒙古族", "蒙古", "回族", "藏族", "维吾尔", "苗族", "彝族", "壮族", "布依族", "朝鲜族", "满族", "侗族", "瑶族", "白族",
	"土家族", "哈尼族", "哈萨克族", "哈萨克", "傣族", "黎族", "傈僳族", "佤族", "畲族", "拉祜族", "水族", "东乡族", "纳西族",
	"景颇族", "柯尔克孜", "土族", "达斡尔族", "仫佬族", "羌族", "布朗族", "撒拉族", "毛南族", "仡佬族", "锡伯", "普米族",
	"塔吉克", "怒族", "鄂温克族", "保安族", "裕固族", "独龙族", "各族",
}

// shortNames returns what people say for a division's name: 广州 for 广州市,
// 恩施 and 恩施州 for 恩施土家族苗族自治州. Either may be "".
func shortNames(name string) (short, long string) {
	for _, k := range kinds {
		stem, ok := strings.CutSuffix(name, k.full)
		if !ok || utf8.RuneCountInString(stem) < k.least {
			continue
		}
		short = withoutPeoples(stem)
		if k.said != "" && short != stem {
			long = short + k.said
		}
		return short, long
	}
	return "", ""
}

// withoutPeoples takes the peoples off the end of a stem, as long as a name
// remains: 恩施土家族苗族 -> 恩施, but 内蒙古 and 东乡族 stay.
func withoutPeoples(stem string) string {
	for cut := true; cut; {
		cut = false
		for _, p := range peoples {
			if rest, ok := strings.CutSuffix(stem, p); ok && utf8.RuneCountInString(rest) >= minPlace {
				stem, cut = rest, true
				break
			}
		}
	}
	return stem
}
