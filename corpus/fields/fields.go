// Package fields says of every field of every record what it is called, what
// belongs in it and how it is typed, and turns a record into what a form shows
// and back. Forms, lists of differences and remarks on a record all name a
// field from this one table.
//
// What a form leaves empty becomes absent: not published. What the table does
// not know is carried through unchanged.
package fields

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/govqa/govqa/corpus"
)

// A Kind says how a field is typed.
type Kind string

// The kinds of fields.
const (
	Text   Kind = "text"   // one line
	Long   Kind = "long"   // several lines
	Lines  Kind = "lines"  // a list, one item a line
	Number Kind = "number" // a whole number
	Share  Kind = "share"  // a number with decimals
	Flag   Kind = "flag"   // yes, no, or not said
	Mark   Kind = "mark"   // yes, or absent
	Day    Kind = "day"    // 2006-01-02
	Link   Kind = "link"   // http or https
	Choice Kind = "choice" // one of Choices, or what else is typed
	Boxes  Kind = "boxes"  // some of Choices
	Limit  Kind = "limit"  // a corpus.Limit: a number, a unit and a note
	Group  Kind = "group"  // a list of objects with Items
)

// A Field is one field of a record.
type Field struct {
	Key      string // of the import format; a dot leads into an object
	Label    string // in Chinese
	Help     string // what belongs in it, in Chinese; may be empty
	Kind     Kind
	Choices  []string
	Required bool
	Items    []Field // of each object of a Group
	Name     string  // of a Group: the key that tells its objects apart
}

// A Section is a part of a form.
type Section struct {
	Title  string
	Fields []Field
}

// Of returns the form of a type of record, nil for an unknown type.
func Of(t corpus.Type) []Section {
	switch t {
	case corpus.TypeGuide:
		return guide()
	case corpus.TypeFAQ:
		return faq()
	case corpus.TypePolicy:
		return policy()
	case corpus.TypeBundle:
		return bundle()
	case corpus.TypeRegion:
		return []Section{{"行政区划", []Field{
			{Key: "code", Label: "区划代码", Help: "6、9 或 12 位数字；与国标相同的，名称以这里为准", Kind: Text, Required: true},
			{Key: "name", Label: "名称", Help: "如 听涛区", Kind: Text, Required: true},
			{Key: "aliases", Label: "别名", Help: "群众平时的叫法，一行一个", Kind: Lines},
		}}}
	case corpus.TypeWord:
		return word()
	case corpus.TypeHot:
		return hot()
	case corpus.TypeReply:
		return reply()
	case corpus.TypeAgency:
		return agency()
	}
	return nil
}

// Label is what a field is called that a corpus.FieldError names, as
// materials[2].name; the key itself if the table does not know it.
func Label(t corpus.Type, path string) string {
	head, rest, indexed := strings.Cut(path, "[")
	f, ok := find(t, head)
	if !ok {
		return cmp.Or(objects(head), path)
	}
	if !indexed {
		return f.Label
	}
	n, tail, _ := strings.Cut(rest, "]")
	label := f.Label
	if i, err := strconv.Atoi(n); err == nil {
		label = fmt.Sprintf("%s第 %d 项", f.Label, i+1)
	}
	tail, _, _ = strings.Cut(strings.TrimPrefix(tail, "."), "[")
	for _, item := range f.Items {
		if item.Key == tail {
			return label + "的" + item.Label
		}
	}
	return label
}

// objects names those objects that a fault can be about as a whole.
func objects(key string) string {
	switch key {
	case "effective":
		return "生效期间"
	case "fee":
		return "收费"
	case "type":
		return "记录类型"
	}
	return ""
}

// find returns the field of a key, or of the object that the key leads into.
func find(t corpus.Type, key string) (Field, bool) {
	for _, s := range Of(t) {
		for _, f := range s.Fields {
			if f.Key == key || f.Kind == Limit && strings.HasPrefix(key, f.Key+".") {
				return f, true
			}
		}
	}
	return Field{}, false
}

func names[T ~string](list []T) []string {
	all := make([]string, len(list))
	for i, v := range list {
		all[i] = string(v)
	}
	return all
}

func themes() []string {
	all := names(corpus.PersonThemes)
	for _, t := range names(corpus.LegalPersonThemes) {
		if !slices.Contains(all, t) {
			all = append(all, t)
		}
	}
	return all
}

func agencyFields() []Field {
	return []Field{
		{Key: "agency.name", Label: "实施主体", Help: "部门的规范全称，与机构通讯录一致", Kind: Text},
		{Key: "agency.code", Label: "实施主体编码", Help: "统一社会信用代码", Kind: Text},
	}
}

func regionFields() []Field {
	return []Field{
		{Key: "region.code", Label: "区划代码", Help: "6、9 或 12 位；不填则各地通用，县看得到所在市、省的", Kind: Text},
		{Key: "region.name", Label: "区划名称", Kind: Text},
	}
}

func visibility() Field {
	return Field{Key: "visibility", Label: "可见范围", Help: "public 公开（不填也是），operator 仅坐席：群众的任何渠道都看不到", Kind: Choice, Choices: names(corpus.Visibilities)}
}

func period() Section {
	return Section{"生效与来源", []Field{
		{Key: "effective.from", Label: "生效日期", Help: "当天起参与回答；不填则不限", Kind: Day},
		{Key: "effective.to", Label: "失效日期", Help: "过了这一天就不再参与回答；不填则不限", Kind: Day},
		{Key: "source.url", Label: "来源网址", Help: "公布它的网页，回答会附上", Kind: Link},
		{Key: "source.updated", Label: "来源更新日期", Kind: Day},
		{Key: "source.sample", Label: "演示数据", Help: "只用于虚构的示例：页面会标明", Kind: Mark},
	}}
}

func guide() []Section {
	return []Section{
		{"事项", slices.Concat([]Field{
			{Key: "code", Label: "实施编码", Help: "不解析其含义；发布后不能改", Kind: Text, Required: true},
			{Key: "name", Label: "事项名称", Help: "业务办理项的名称，如 居住证签注", Kind: Text, Required: true},
			{Key: "shortName", Label: "简称", Kind: Text},
			{Key: "aliases", Label: "日常用语", Help: "群众平时的叫法，一行一个，对命中率帮助很大", Kind: Lines},
			{Key: "parent", Label: "主项名称", Kind: Text},
			{Key: "situation", Label: "办理情形", Help: "如 首次申领、换发、补发", Kind: Text},
			{Key: "kind", Label: "事项类型", Kind: Choice, Choices: []string{"行政许可", "行政确认", "行政给付", "行政奖励", "行政裁决", "行政备案", "其他行政权力", "公共服务"}},
			{Key: "process", Label: "办件类型", Help: "即办件的时限应是即办", Kind: Choice, Choices: []string{"即办件", "承诺件"}},
			{Key: "level", Label: "行使层级", Kind: Choice, Choices: []string{"国家级", "省级", "市级", "县级", "镇（乡、街道）级", "村（社区）级"}},
		}, agencyFields(), regionFields(), []Field{
			{Key: "audience", Label: "服务对象", Help: "不选则谁都适用", Kind: Boxes, Choices: names(corpus.Audiences)},
			{Key: "themes", Label: "主题分类", Help: "国家数据字典的名称，一行一个", Kind: Lines, Choices: themes()},
			{Key: "scope", Label: "通办范围", Kind: Choice, Choices: []string{"全国", "全省", "全市", "全县", "全镇", "跨村"}},
			{Key: "related", Label: "相关事项", Help: "实施编码，一行一个", Kind: Lines},
		})},
		{"条件与材料", []Field{
			{Key: "condition", Label: "受理条件", Help: "逐条写，群众看到的就是这里的原文", Kind: Long},
			{Key: "materials", Label: "申请材料", Kind: Group, Name: "name", Items: []Field{
				{Key: "name", Label: "材料名称", Help: "不要写“其他材料”“有关材料”", Kind: Text, Required: true},
				{Key: "kind", Label: "材料类型", Kind: Choice, Choices: []string{"原件", "复印件", "原件或复印件"}},
				{Key: "form", Label: "材料形式", Kind: Choice, Choices: []string{"纸质", "电子", "纸质或电子"}},
				{Key: "copies", Label: "份数", Kind: Number},
				{Key: "need", Label: "必要性", Kind: Choice, Choices: []string{"必要", "非必要", "容缺后补"}},
				{Key: "source", Label: "来源渠道", Kind: Choice, Choices: []string{"申请人自备", "政府部门核发", "其他"}},
				{Key: "note", Label: "填报须知", Kind: Text},
				{Key: "blank", Label: "空白表格", Kind: Link},
				{Key: "sample", Label: "示例样表", Kind: Link},
				{Key: "when", Label: "适用情形", Help: "如 委托他人办理", Kind: Text},
			}},
		}},
		{"流程与时限", []Field{
			{Key: "steps", Label: "办理流程", Help: "一行一步", Kind: Lines},
			{Key: "legalLimit", Label: "法定办结时限", Kind: Limit, Choices: corpus.Units},
			{Key: "promisedLimit", Label: "承诺办结时限", Help: "不应长于法定时限；即办选“即办”", Kind: Limit, Choices: corpus.Units},
			{Key: "visits", Label: "到办事现场次数", Help: "0 是不用去；不填是未公布", Kind: Number},
			{Key: "visitReason", Label: "必须现场办理原因", Help: "到现场一次以上的要写", Kind: Text},
			{Key: "result", Label: "审批结果", Kind: Text},
			{Key: "validity", Label: "有效期", Kind: Text},
		}},
		{"收费", []Field{
			{Key: "fee.charged", Label: "是否收费", Help: "“未公布”不等于不收费", Kind: Flag},
			{Key: "fee.items", Label: "收费项目", Kind: Group, Name: "name", Items: []Field{
				{Key: "name", Label: "项目名称", Kind: Text},
				{Key: "amount", Label: "收费标准", Help: "照公布的原文，如 20元/证", Kind: Text},
				{Key: "basis", Label: "收费依据", Kind: Text},
			}},
		}},
		{"地点与电话", []Field{
			{Key: "places", Label: "办理地点", Kind: Group, Name: "name", Items: []Field{
				{Key: "name", Label: "大厅或窗口", Kind: Text},
				{Key: "address", Label: "地址", Kind: Text},
				{Key: "hours", Label: "办理时间", Kind: Text},
				{Key: "phone", Label: "电话", Help: "带区号", Kind: Text},
			}},
			{Key: "contact", Label: "咨询电话", Help: "带区号，不同于投诉电话", Kind: Text},
			{Key: "complaint", Label: "监督投诉电话", Kind: Text},
		}},
		{"网上办理", []Field{
			{Key: "onlineURL", Label: "在线办理地址", Kind: Link},
			{Key: "mobileURL", Label: "移动端办理地址", Kind: Link},
			{Key: "bookingURL", Label: "预约地址", Kind: Link},
			{Key: "channel", Label: "办理渠道", Kind: Text},
			{Key: "booking", Label: "可否预约", Kind: Flag},
			{Key: "express", Label: "可否快递", Kind: Flag},
			{Key: "agent", Label: "可否代办", Kind: Flag},
		}},
		{"仅坐席可见", []Field{
			{Key: "internal.wording", Label: "内部口径", Help: "坐席怎样说；群众的任何渠道都看不到，也不参与检索", Kind: Long},
			{Key: "internal.transfer", Label: "转派规则", Kind: Long},
			{Key: "internal.phone", Label: "内部联系电话", Kind: Text},
		}},
		{"依据与问答", []Field{
			{Key: "basis", Label: "设定依据", Kind: Group, Name: "name", Items: []Field{
				{Key: "name", Label: "法规名称", Kind: Text},
				{Key: "number", Label: "文号", Kind: Text},
				{Key: "article", Label: "条款", Kind: Text},
				{Key: "text", Label: "条款内容", Kind: Long},
			}},
			{Key: "faqs", Label: "常见问题", Help: "只属于这一事项的问答；行政许可至少一条", Kind: Group, Name: "q", Items: []Field{
				{Key: "q", Label: "问", Kind: Text, Required: true},
				{Key: "a", Label: "答", Kind: Long, Required: true},
			}},
		}},
		period(),
	}
}

func faq() []Section {
	return []Section{
		{"问与答", []Field{
			{Key: "id", Label: "编号", Help: "发布后不能改", Kind: Text, Required: true},
			{Key: "question", Label: "标准问", Kind: Text, Required: true},
			{Key: "similar", Label: "相似问", Help: "一行一句，说法越不同越好", Kind: Lines},
			{Key: "counter", Label: "反例问", Help: "听着像而问的是另一回事，一行一句；一字不差地问到时从不用这一条回答", Kind: Lines},
			{Key: "answer", Label: "答案", Help: "群众看到的就是这里的原文", Kind: Long, Required: true},
			visibility(),
		}},
		{"归属", slices.Concat([]Field{
			{Key: "matter", Label: "所属事项", Help: "实施编码；回答时附上它的办理入口", Kind: Text},
		}, agencyFields(), regionFields(), []Field{
			{Key: "themes", Label: "主题分类", Help: "一行一个", Kind: Lines, Choices: themes()},
		})},
		period(),
	}
}

func policy() []Section {
	return []Section{
		{"文件", []Field{
			{Key: "id", Label: "编号", Help: "发布后不能改", Kind: Text, Required: true},
			{Key: "title", Label: "标题", Kind: Text, Required: true},
			{Key: "number", Label: "文号", Help: "如 安政发〔2026〕1号", Kind: Text},
			{Key: "text", Label: "正文", Kind: Long, Required: true},
			{Key: "supersedes", Label: "替代的文件", Help: "被它废止的文件编号，一行一个；那些文件也要填失效日期", Kind: Lines},
			visibility(),
		}},
		{"归属", slices.Concat(agencyFields(), regionFields())},
		period(),
	}
}

func bundle() []Section {
	return []Section{
		{"一件事", slices.Concat([]Field{
			{Key: "id", Label: "编号", Help: "发布后不能改", Kind: Text, Required: true},
			{Key: "name", Label: "名称", Help: "如 新生儿出生一件事", Kind: Text, Required: true},
			{Key: "aliases", Label: "日常用语", Help: "一行一个", Kind: Lines},
			{Key: "stage", Label: "阶段", Help: "如 出生、就业、退休、准入准营", Kind: Text},
			{Key: "status", Label: "状态", Help: "verified 来自公布的清单，draft 是自拟", Kind: Choice, Choices: []string{"verified", "draft"}},
			{Key: "audience", Label: "服务对象", Kind: Boxes, Choices: names(corpus.Audiences)},
		}, regionFields())},
		{"步骤", []Field{
			{Key: "steps", Label: "步骤", Help: "按办理先后", Kind: Group, Name: "matter", Items: []Field{
				{Key: "matter", Label: "事项编码", Kind: Text, Required: true},
				{Key: "name", Label: "在这件事里的叫法", Kind: Text},
				{Key: "after", Label: "前置事项", Help: "编码，一行一个，须在本步之前", Kind: Lines},
				{Key: "optional", Label: "只有部分人需要", Kind: Mark},
				{Key: "note", Label: "说明", Kind: Text},
			}},
		}},
		period(),
	}
}

func word() []Section {
	return []Section{{"日常说法", slices.Concat([]Field{
		{Key: "id", Label: "编号", Help: "发布后不能改", Kind: Text, Required: true},
		{Key: "word", Label: "说法", Help: "群众怎么说，2 到 30 字", Kind: Text, Required: true},
		{Key: "official", Label: "正式用语", Help: "一行一个，最多 12 个", Kind: Lines, Required: true},
		{Key: "bothWays", Label: "双向", Help: "说正式用语时也算说了这个说法", Kind: Mark},
		{Key: "confidence", Label: "把握", Help: "大于 0，不超过 1，如 0.9", Kind: Share, Required: true},
		{Key: "kind", Label: "类别", Help: "everyday 口语、typo 错字、dialect 方言、abbreviation 简称", Kind: Choice, Choices: []string{"everyday", "typo", "dialect", "abbreviation"}, Required: true},
	}, regionFields(), []Field{{Key: "note", Label: "说明", Kind: Text}})}}
}

func hot() []Section {
	return []Section{
		{"热门问题", slices.Concat([]Field{
			{Key: "id", Label: "编号", Help: "发布后不能改", Kind: Text, Required: true},
			{Key: "question", Label: "问题", Help: "照此显示，点了照此提问", Kind: Text, Required: true},
			{Key: "matter", Label: "所属事项", Help: "实施编码；事项撤下或失效后不再显示", Kind: Text},
			{Key: "order", Label: "次序", Help: "小的在前", Kind: Number},
			{Key: "audience", Label: "服务对象", Kind: Boxes, Choices: names(corpus.Audiences)},
		}, regionFields())},
		period(),
	}
}

func reply() []Section {
	return []Section{
		{"固定回复", []Field{
			{Key: "id", Label: "类别", Help: "防护的类别，如 fire 火警、human 转人工", Kind: Text, Required: true},
			{Key: "text", Label: "回复", Help: "整个代替内置的回复", Kind: Long, Required: true},
			{Key: "calls", Label: "拨打", Kind: Group, Name: "phone", Items: []Field{
				{Key: "label", Label: "按钮文字", Kind: Text, Required: true},
				{Key: "phone", Label: "号码", Kind: Text, Required: true},
			}},
		}},
		period(),
	}
}

func agency() []Section {
	return []Section{
		{"机构", slices.Concat([]Field{
			{Key: "code", Label: "统一社会信用代码", Help: "没有时可自编；发布后不能改", Kind: Text, Required: true},
			{Key: "name", Label: "机构名称", Help: "与指南的实施主体同名", Kind: Text, Required: true},
			{Key: "aliases", Label: "别名", Help: "一行一个", Kind: Lines},
		}, regionFields(), []Field{
			{Key: "phone", Label: "咨询电话", Help: "带区号；指南没有电话时用它", Kind: Text},
			{Key: "complaint", Label: "监督投诉电话", Kind: Text},
			{Key: "address", Label: "地址", Kind: Text},
			{Key: "hours", Label: "办公时间", Kind: Text},
			{Key: "url", Label: "网站", Kind: Link},
		})},
		period(),
	}
}
