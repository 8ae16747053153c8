package corpus

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestBuiltinTable(t *testing.T) {
	names := Builtin().names
	count := map[int]int{}
	for code, name := range names {
		if !code.Valid() || len(code) != 6 {
			t.Errorf("code %q of %s is not valid", code, name)
		}
		if name == "" || strings.TrimSpace(name) != name || !utf8.ValidString(name) {
			t.Errorf("%s: name %q", code, name)
		}
		count[code.Depth()]++
	}
	// 2,846 counties at the end of 2024, and the four of 大兴安岭地区.
	if diff := cmp.Diff(map[int]int{0: 1, 1: 34, 2: 333, 3: 2850}, count); diff != "" {
		t.Errorf("divisions by depth (-want +got):\n%s", diff)
	}
	if n := strings.Count(divisionsTSV, "\n") - strings.Count(divisionsTSV, "#"); n != len(names)-1 {
		t.Errorf("%d lines, %d names", n, len(names)-1)
	}
}

func TestFullName(t *testing.T) {
	tests := []struct {
		why  string
		code RegionCode
		want string
	}{
		{"a district of a city", "440106", "广东省广州市天河区"},
		{"a district of a special zone", "440305", "广东省深圳市南山区"},
		{"a city", "440300", "广东省深圳市"},
		{"a city without counties", "441900", "广东省东莞市"},
		{"another", "442000", "广东省中山市"},
		{"another in 海南", "460400", "海南省儋州市"},
		{"another in 甘肃", "620200", "甘肃省嘉峪关市"},
		{"a district of a municipality, between which lies no city", "110105", "北京市朝阳区"},
		{"a county of 重庆, under the placeholder 县", "500235", "重庆市云阳县"},
		{"a county directly under 海南", "469001", "海南省五指山市"},
		{"a county directly under 湖北", "429021", "湖北省神农架林区"},
		{"a county directly under 河南", "419001", "河南省济源市"},
		{"a city of 兵团", "659001", "新疆维吾尔自治区石河子市"},
		{"the youngest of them", "659012", "新疆维吾尔自治区白杨市"},
		{"a county that became a city", "540481", "西藏自治区林芝市米林市"},
		{"a county of 2024", "653228", "新疆维吾尔自治区和田地区和康县"},
		{"a district of 三沙", "460301", "海南省三沙市西沙区"},
		{"香港", "810000", "香港特别行政区"},
		{"澳门", "820000", "澳门特别行政区"},
		{"台湾", "710000", "台湾省"},
		{"a province", "150000", "内蒙古自治区"},
		{"the country", "000000", "全国"},
		{"a street that the table does not have", "440106001", "广东省广州市天河区"},
		{"a county written with twelve digits", "440106000000", "广东省广州市天河区"},
		{"no code", "", ""},
		{"no such province", "990101", ""},
		{"not a code", "x", ""},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			if got := Builtin().FullName(tt.code); got != tt.want {
				t.Errorf("FullName(%q) = %q, want %q", tt.code, got, tt.want)
			}
		})
	}
}

func TestName(t *testing.T) {
	if name, ok := Builtin().Name("440106"); name != "天河区" || !ok {
		t.Errorf("440106 is %q, %t", name, ok)
	}
	for _, placeholder := range []RegionCode{"", "110100", "429000", "469000", "320571"} {
		if name, ok := Builtin().Name(placeholder); ok {
			t.Errorf("%q is named %q", placeholder, name)
		}
	}
}

func TestChildren(t *testing.T) {
	tests := []struct {
		why         string
		code        RegionCode
		n           int
		first, last string
	}{
		{"the country, by its empty code", "", 34, "北京市", "澳门特别行政区"},
		{"the country", "000000", 34, "北京市", "澳门特别行政区"},
		{"a province's cities", "440000", 21, "广州市", "云浮市"},
		{"a province with counties of its own", "460000", 19, "海口市", "琼中黎族苗族自治县"},
		{"a municipality's districts", "310000", 16, "黄浦区", "崇明区"},
		{"a city's counties", "440300", 9, "罗湖区", "光明区"},
		{"a city without counties", "441900", 0, "", ""},
		{"a county", "440305", 0, "", ""},
		{"an unknown code", "x", 0, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			got := Builtin().Children(tt.code)
			if len(got) != tt.n {
				t.Fatalf("%d children, want %d: %v", len(got), tt.n, got)
			}
			if tt.n > 0 && (got[0].Name != tt.first || got[tt.n-1].Name != tt.last) {
				t.Errorf("from %s to %s, want %s to %s", got[0].Name, got[tt.n-1].Name, tt.first, tt.last)
			}
		})
	}
	Builtin().Children("440300")[0].Name = "changed"
	if got := Builtin().Children("440300")[0].Name; got != "罗湖区" {
		t.Errorf("a caller changed the table: %s", got)
	}
}

func TestWith(t *testing.T) {
	d := Builtin().With([]*RegionEntry{
		{Code: "990000", Name: "云山省", Aliases: []string{"云山"}},
		{Code: "990100", Name: "清溪市"},
		{Code: "440106001", Name: "五山街道"},
		{Code: "320571000000", Name: "苏州工业园区", Aliases: []string{"园区"}},
		{Code: "500105", Name: "江北新城区"},
		{Code: "12", Name: "无效"},
		{Code: "990200"},
	})
	type row struct{ name, full string }
	want := map[RegionCode]row{
		"990100":    {"清溪市", "云山省清溪市"},
		"440106001": {"五山街道", "广东省广州市天河区五山街道"},
		"320571":    {"苏州工业园区", "江苏省苏州市苏州工业园区"},
		"500105":    {"江北新城区", "重庆市江北新城区"},
		"12":        {},
		"990200":    {"", "云山省"},
	}
	got := map[RegionCode]row{}
	for code := range want {
		name, _ := d.Name(code)
		got[code] = row{name, d.FullName(code)}
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(row{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"园区=320571", "清溪=990100"}, mentions(d, "园区和清溪的企业")); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
	if name, ok := Builtin().Name("990100"); ok {
		t.Errorf("the built-in table has %s", name)
	}
	if name, _ := Builtin().Name("500105"); name != "江北区" {
		t.Errorf("the built-in table now says %s", name)
	}
}

// mentions gives what Find found as "the words=code,code".
func mentions(d *Divisions, text string) []string {
	var got []string
	for _, f := range d.Find(text) {
		codes := make([]string, len(f.Codes))
		for i, c := range f.Codes {
			codes[i] = string(c)
		}
		got = append(got, text[f.Start:f.End]+"="+strings.Join(codes, ","))
	}
	return got
}

func TestFind(t *testing.T) {
	tests := []struct {
		why, text string
		want      []string
	}{
		{"no place", "身份证丢了怎么补办", nil},
		{"nothing", "", nil},
		{"a short name", "广州居住证怎么办", []string{"广州=440100"}},
		{"a full name", "在广州市办居住证", []string{"广州市=440100"}},
		{"a district by its full name", "天河区哪里办护照", []string{"天河区=440106"}},
		{"a district by its short name", "天河哪里办护照", []string{"天河=440106"}},
		{"a district after its city", "广州天河办护照", []string{"广州天河=440106"}},
		{"a whole address", "我住广东省广州市天河区五山路", []string{"广东省广州市天河区=440106"}},
		{"province and city", "广东深圳落户", []string{"广东深圳=440300"}},
		{"with 的 between", "广州的天河区", []string{"广州的天河区=440106"}},
		{"two cities", "从广州迁到深圳", []string{"广州=440100", "深圳=440300"}},
		{"two cities without a word between", "广州深圳哪个快", []string{"广州=440100", "深圳=440300"}},
		{"a name of many", "朝阳区怎么办", []string{"朝阳区=110105,220104"}},
		{"a name of a city and of districts", "朝阳怎么办", []string{"朝阳=211300,110105,211321,220104"}},
		{"made clear by its city", "长春朝阳区怎么办", []string{"长春朝阳区=220104"}},
		{"made clear by its municipality", "北京朝阳怎么办", []string{"北京朝阳=110105"}},
		{"鼓楼 of 南京", "南京鼓楼怎么办", []string{"南京鼓楼=320106"}},
		{"a province and a city of one name", "吉林怎么办", []string{"吉林=220000,220200"}},
		{"the city of them", "吉林市怎么办", []string{"吉林市=220200"}},
		{"both of them", "吉林省吉林市", []string{"吉林省吉林市=220200"}},
		{"an autonomous region", "广西养老保险", []string{"广西=450000"}},
		{"an autonomous region as people say it", "新疆自治区社保", []string{"新疆自治区=650000"}},
		{"内蒙古 keeps its people", "内蒙古医保", []string{"内蒙古=150000"}},
		{"a prefecture as people say it", "恩施州公积金", []string{"恩施州=422800"}},
		{"a prefecture in full", "恩施土家族苗族自治州", []string{"恩施土家族苗族自治州=422800"}},
		{"an autonomous county", "景宁县婚姻登记", []string{"景宁县=331127"}},
		{"a county that is named for its people", "东乡族自治县", []string{"东乡族自治县=622926"}},
		{"a new area", "浦东新区开公司", []string{"浦东新区=310115"}},
		{"and its short name", "上海浦东开公司", []string{"上海浦东=310115"}},
		{"a name that ends like another kind", "太原万柏林办证", []string{"太原万柏林=140109"}},
		{"香港", "香港居民来往内地", []string{"香港=810000"}},
		{"港澳台 as a word is no place", "港澳台居民居住证", nil},
		{"a city of 兵团", "石河子市落户", []string{"石河子市=659001"}},
		{"a city without counties", "东莞入户", []string{"东莞=441900"}},
		{"a street named after a city", "北京路附近的派出所", nil},
		{"a university named after a city", "中山大学怎么迁户口", nil},
		{"but students in a city", "北京大学生补贴", []string{"北京=110000"}},
		{"a street in a city", "广州北京路派出所", []string{"广州=440100"}},
		{"invalid bytes before a name", "\xff\xfe广州", []string{"广州=440100"}},
		{"half a character after a name", "广州\xe5", []string{"广州=440100"}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, mentions(Builtin(), tt.text)); diff != "" {
				t.Errorf("Find(%q) (-want +got):\n%s", tt.text, diff)
			}
		})
	}
}

func TestFindCovering(t *testing.T) {
	guangzhou := Builtin().Covering("440100")
	tests := []struct {
		why  string
		d    *Divisions
		text string
		want []string
	}{
		{"和平 is a word", guangzhou, "和平的城区怎么办", nil},
		{"公安 is a word, not a county of 荆州", guangzhou, "公安机关在哪里", nil},
		{"公安县 is a county", guangzhou, "公安县的公安机关", []string{"公安县=421022"}},
		{"和平 after its city is a county", guangzhou, "河源和平办证", []string{"河源和平=441624"}},
		{"a district of the covered city", guangzhou, "天河办证", []string{"天河=440106"}},
		{"a district elsewhere", guangzhou, "南山办证", nil},
		{"a city elsewhere", guangzhou, "长沙办证", []string{"长沙=430100"}},
		{"the country's word for a guest", guangzhou, "来宾登记", nil},
		{"来宾 when it is covered", Builtin().Covering("451300"), "来宾登记", []string{"来宾=451300"}},
		{"来宾市 always", guangzhou, "来宾市", []string{"来宾市=451300"}},
		{"of 白云区 the one in the covered city", guangzhou, "白云区", []string{"白云区=440111"}},
		{"of 白云区 another if its city is named", guangzhou, "贵阳白云区", []string{"贵阳白云区=520113"}},
		{"of 鼓楼区 all if none is covered", guangzhou, "鼓楼区", []string{"鼓楼区=320106,320302,350102,410204"}},
		{"a municipality's districts", Builtin().Covering("110000"), "朝阳办证", []string{"朝阳=110105"}},
		{"a province does not cover every county", Builtin().Covering("440000"), "城区和平远", nil},
		{"a county covers its ancestors", Builtin().Covering("220102"), "吉林办证", []string{"吉林=220000"}},
		{"a street covers its county", Builtin().Covering("441624100"), "和平办证", []string{"和平=441624"}},
		{"the country covers nothing more", Builtin().Covering("000000", ""), "天河办证", nil},
		{"nothing is covered", Builtin().Covering(), "天河区的天河", []string{"天河区=440106"}},
		{"entries keep what is covered", guangzhou.With([]*RegionEntry{{Code: "440199", Name: "云山区"}}), "南山和云山区", []string{"云山区=440199"}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, mentions(tt.d, tt.text)); diff != "" {
				t.Errorf("Find(%q) (-want +got):\n%s", tt.text, diff)
			}
		})
	}
}

// Every division is found by its own full name, alone among its codes or with
// its namesakes.
func TestFindEveryName(t *testing.T) {
	d := Builtin()
	for code := range d.names {
		if code == country {
			continue
		}
		full := d.FullName(code)
		if got := mentions(d, full); len(got) != 1 || got[0] != full+"="+string(code) {
			t.Errorf("Find(%q) = %v, want %s", full, got, code)
		}
	}
}

func FuzzFind(f *testing.F) {
	for _, s := range []string{"", "广东省广州市天河区", "广州的天河", "朝阳\xff朝阳区", "北京路", "吉林吉林吉林市"} {
		f.Add(s)
	}
	tables := []*Divisions{Builtin(), Builtin().Covering("440100")}
	f.Fuzz(func(t *testing.T, text string) {
		for _, d := range tables {
			last := 0
			for _, m := range d.Find(text) {
				if m.Start < last || m.End <= m.Start || m.End > len(text) {
					t.Fatalf("Find(%q): mention %d..%d after %d", text, m.Start, m.End, last)
				}
				last = m.End
				if !utf8.ValidString(text[m.Start:m.End]) || len(m.Codes) == 0 {
					t.Errorf("Find(%q): mention %q with codes %v", text, text[m.Start:m.End], m.Codes)
				}
				for _, c := range m.Codes {
					if _, ok := d.Name(c); !ok {
						t.Errorf("Find(%q): unknown code %s", text, c)
					}
				}
			}
		}
	})
}

func BenchmarkFind(b *testing.B) {
	const q = "我在广州市天河区上班，户口在湖南长沙，请问孩子入学要带什么材料，几天能办好？"
	d := Builtin().Covering("440100")
	b.ReportAllocs()
	for b.Loop() {
		d.Find(q)
	}
}
