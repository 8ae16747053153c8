// Package corpus is what the service knows: government service matters
// (政务服务事项), their guides (办事指南), frequently asked questions, policy
// texts, and the life events (一件事) that bundle matters.
//
// It is the ground floor. It imports only the standard library, every other
// package imports it, and its words are the words of GB/T 39554: when the
// standard has a term for a thing, the code uses that term and no other
// (docs/glossary.md pairs each Go name with its Chinese term).
//
// Unknown is not zero. A field that the agency has not published is absent
// (nil or ""), and no reader of this package may take absence for "none",
// "free" or "at once".
package corpus

import (
	"errors"
	"fmt"
	"time"
)

// An Edition is the number of one published state of the corpus. Publishing
// adds one; 0 is the empty corpus before the first publication.
type Edition uint64

// A Type says which kind of record a line of the import format holds.
type Type string

// The record types of the import format. A line without "type" is a guide.
const (
	TypeGuide  Type = "guide"  // 办事指南
	TypeFAQ    Type = "faq"    // 常见问题
	TypePolicy Type = "policy" // 政策文件
	TypeBundle Type = "bundle" // 一件事
	TypeRegion Type = "region" // 行政区划
	TypeWord   Type = "word"   // 日常说法
	TypeHot    Type = "hot"    // 热门问题
	TypeReply  Type = "reply"  // 固定回复
	TypeAgency Type = "agency" // 机构
)

// Types lists every record type in the order in which reports count them.
var Types = []Type{TypeGuide, TypeFAQ, TypePolicy, TypeBundle, TypeRegion, TypeWord, TypeHot, TypeReply, TypeAgency}

// A Key names one record of the corpus: its type and its code or id.
type Key struct {
	Type Type
	ID   string
}

func (k Key) String() string { return string(k.Type) + "/" + k.ID }

// A Record is one line of the corpus: a [*Guide], [*FAQ], [*Policy],
// [*Bundle], [*RegionEntry], [*Word], [*HotEntry], [*ReplyEntry] or
// [*AgencyEntry].
type Record interface {
	Key() Key
	// Validate reports every field that breaks the format, each as a
	// [*FieldError], joined.
	Validate() error
	// UnknownKeys lists the keys of the line that the format does not know.
	// They are kept and written out again.
	UnknownKeys() []string
}

// ErrNotFound means that the corpus has no record of that key in the edition
// asked for.
var ErrNotFound = errors.New("record not found")

// A FieldError says which field of which record breaks the format.
type FieldError struct {
	Key   Key
	Field string // the key of the import format, as in "materials[2].name"
	Why   string // in Chinese, for editors
}

func (e *FieldError) Error() string {
	return fmt.Sprintf("%s：字段 %s：%s", e.Key, e.Field, e.Why)
}

// A Matter (事项) is the identity of a service matter: what it is, who
// handles it, for whom and where.
type Matter struct {
	Code      string     `json:"code"`                // 实施编码, opaque
	Name      string     `json:"name"`                // 事项名称
	ShortName string     `json:"shortName,omitempty"` // 简称
	Aliases   []string   `json:"aliases,omitempty"`   // 日常用语
	Parent    string     `json:"parent,omitempty"`    // 主项名称
	Situation string     `json:"situation,omitempty"` // 办理情形
	Kind      string     `json:"kind,omitempty"`      // 事项类型
	Process   string     `json:"process,omitempty"`   // 办件类型: 即办件, 承诺件
	Level     string     `json:"level,omitempty"`     // 行使层级
	Agency    Agency     `json:"agency,omitzero"`     // 实施主体
	Region    Region     `json:"region,omitzero"`     // 行政区划
	Audience  []Audience `json:"audience,omitempty"`  // 服务对象
	Themes    []Theme    `json:"themes,omitempty"`    // 主题分类
	Scope     string     `json:"scope,omitempty"`     // 通办范围
	Related   []string   `json:"related,omitempty"`   // 相关事项, codes
}

// An Agency (实施主体) is the body that handles a matter.
type Agency struct {
	Name string `json:"name,omitempty"`
	Code string `json:"code,omitempty"` // 统一社会信用代码
}

// A Guide (办事指南) says how its Matter is done. A zero field means that the
// agency has not published it; it never means "none required".
type Guide struct {
	Matter
	Condition     string     `json:"condition,omitempty"`     // 受理条件
	Materials     []Material `json:"materials,omitempty"`     // 申请材料
	Steps         []string   `json:"steps,omitempty"`         // 办理流程
	LegalLimit    *Limit     `json:"legalLimit,omitempty"`    // 法定办结时限
	PromisedLimit *Limit     `json:"promisedLimit,omitempty"` // 承诺办结时限
	Visits        *int       `json:"visits,omitempty"`        // 到办事现场次数
	VisitReason   string     `json:"visitReason,omitempty"`   // 必须现场办理原因
	Fee           *Fee       `json:"fee,omitempty"`           // 收费
	Places        []Place    `json:"places,omitempty"`        // 办理地点
	Contact       string     `json:"contact,omitempty"`       // 咨询电话
	Complaint     string     `json:"complaint,omitempty"`     // 监督投诉电话
	OnlineURL     string     `json:"onlineURL,omitempty"`     // 在线办理地址
	MobileURL     string     `json:"mobileURL,omitempty"`     // 移动端办理地址
	BookingURL    string     `json:"bookingURL,omitempty"`    // 预约地址
	Channel       string     `json:"channel,omitempty"`       // 办理渠道 or 办理系统
	Booking       *bool      `json:"booking,omitempty"`       // 是否支持预约
	Express       *bool      `json:"express,omitempty"`       // 是否支持物流快递
	Agent         *bool      `json:"agent,omitempty"`         // 是否可代办
	Result        string     `json:"result,omitempty"`        // 审批结果
	Validity      string     `json:"validity,omitempty"`      // 有效期
	Basis         []Basis    `json:"basis,omitempty"`         // 设定依据
	FAQs          []QA       `json:"faqs,omitempty"`          // 常见问题
	Internal      *Internal  `json:"internal,omitempty"`      // 内部知识, for operators only
	Effective     Period     `json:"effective,omitzero"`      // 生效期间
	Source        Source     `json:"source,omitzero"`         // 来源

	Extra Extra `json:"-"` // keys that the format does not know
}

// A Material (申请材料) is one document that an applicant hands in.
type Material struct {
	Name   string `json:"name"`
	Kind   string `json:"kind,omitempty"`   // 材料类型: 原件, 复印件, 原件或复印件
	Form   string `json:"form,omitempty"`   // 材料形式: 纸质, 电子, 纸质或电子
	Copies *int   `json:"copies,omitempty"` // 份数
	Need   string `json:"need,omitempty"`   // 必要性: 必要, 非必要, 容缺后补
	Source string `json:"source,omitempty"` // 来源渠道
	Note   string `json:"note,omitempty"`   // 填报须知
	Blank  string `json:"blank,omitempty"`  // 空白表格, URL
	Sample string `json:"sample,omitempty"` // 示例样表, URL
	When   string `json:"when,omitempty"`   // 适用情形
}

// A Limit is a time limit (办结时限), as "8 工作日". N is 0 only when the
// matter is done on the spot and the agency says so.
type Limit struct {
	N    int    `json:"n"`
	Unit string `json:"unit"` // one of Units
	Note string `json:"note,omitempty"`
}

// Units lists the units of a [Limit].
var Units = []string{"工作日", "日", "自然日", "天", "个月", "月", "年", "小时", "分钟", "即办"}

// String says the limit as a citizen reads it: 8个工作日, 当场办结.
func (l Limit) String() string {
	var s string
	switch {
	case l.Unit == "即办" || l.N == 0:
		s = "当场办结"
	case l.Unit == "月":
		s = fmt.Sprintf("%d个月", l.N)
	case l.Unit == "个月" || l.Unit == "年" || l.Unit == "分钟" || l.Unit == "天" || l.Unit == "日":
		s = fmt.Sprintf("%d%s", l.N, l.Unit)
	default:
		s = fmt.Sprintf("%d个%s", l.N, l.Unit)
	}
	if l.Note != "" {
		s += "（" + l.Note + "）"
	}
	return s
}

// A Fee (收费) says whether a matter is charged. A nil *Fee, or a nil Charged,
// means that the agency has not said.
type Fee struct {
	Charged *bool     `json:"charged,omitempty"`
	Items   []FeeItem `json:"items,omitempty"`
}

// A FeeItem is one charge, with its amount as published.
type FeeItem struct {
	Name   string `json:"name,omitempty"`
	Amount string `json:"amount,omitempty"`
	Basis  string `json:"basis,omitempty"`
}

// A Place (办理地点) is where a matter is handled.
type Place struct {
	Name    string `json:"name,omitempty"`
	Address string `json:"address,omitempty"`
	Hours   string `json:"hours,omitempty"`
	Phone   string `json:"phone,omitempty"`
}

// A Basis (设定依据) is a rule on which a matter rests.
type Basis struct {
	Name    string `json:"name,omitempty"`
	Number  string `json:"number,omitempty"`  // 文号
	Article string `json:"article,omitempty"` // 条款
	Text    string `json:"text,omitempty"`
}

// A QA is a question and its answer inside a guide.
type QA struct {
	Q string `json:"q"`
	A string `json:"a"`
}

// A Source says where a record was published, so that every answer can be
// checked.
type Source struct {
	URL     string `json:"url,omitempty"`
	Updated string `json:"updated,omitempty"` // a date, 2006-01-02
	Sample  bool   `json:"sample,omitempty"`  // made-up sample data: places, phones and limits are not real
}

// An FAQ (常见问题) is a standard question with its similar questions and its
// reviewed answer. Its counter-questions sound alike and mean another thing:
// to one that is asked word for word this FAQ is never the answer.
type FAQ struct {
	Type      Type     `json:"type"`
	ID        string   `json:"id"`
	Question  string   `json:"question"`
	Similar   []string `json:"similar,omitempty"`
	Counter   []string `json:"counter,omitempty"` // 反例问
	Answer    string   `json:"answer"`
	Agency    Agency   `json:"agency,omitzero"`
	Region    Region   `json:"region,omitzero"`
	Themes    []Theme  `json:"themes,omitempty"`
	Matter    string   `json:"matter,omitempty"` // the code of the matter it belongs to
	Effective Period   `json:"effective,omitzero"`
	Source    Source   `json:"source,omitzero"`

	Visibility Visibility `json:"visibility,omitempty"` // 可见范围

	Extra Extra `json:"-"`
}

// A Policy is the text of a policy document (政策文件).
type Policy struct {
	Type       Type     `json:"type"`
	ID         string   `json:"id"`
	Title      string   `json:"title"`
	Number     string   `json:"number,omitempty"` // 文号
	Text       string   `json:"text"`
	Agency     Agency   `json:"agency,omitzero"`
	Region     Region   `json:"region,omitzero"`
	Effective  Period   `json:"effective,omitzero"`
	Supersedes []string `json:"supersedes,omitempty"` // ids of the texts that it replaces
	Source     Source   `json:"source,omitzero"`

	Visibility Visibility `json:"visibility,omitempty"` // 可见范围

	Extra Extra `json:"-"`
}

// A Bundle (一件事) is a life event: the matters that belong together, in the
// order in which they are done.
type Bundle struct {
	Type      Type       `json:"type"`
	ID        string     `json:"id"`
	Name      string     `json:"name"`              // 新生儿出生一件事
	Aliases   []string   `json:"aliases,omitempty"` // 孩子出生
	Stage     string     `json:"stage,omitempty"`   // 出生, 教育, 就业 … 身后; 准入准营 … 注销退出
	Region    Region     `json:"region,omitzero"`
	Audience  []Audience `json:"audience,omitempty"`
	Steps     []Step     `json:"steps"`
	Status    string     `json:"status,omitempty"` // verified: from a published list; draft: our own
	Effective Period     `json:"effective,omitzero"`
	Source    Source     `json:"source,omitzero"`

	Extra Extra `json:"-"`
}

// A Step is one matter of a [Bundle].
type Step struct {
	Matter   string   `json:"matter"`             // the matter's code
	Name     string   `json:"name,omitempty"`     // what the step is called in the bundle
	After    []string `json:"after,omitempty"`    // codes of the matters to be done before (前置)
	Optional bool     `json:"optional,omitempty"` // only for some people
	Note     string   `json:"note,omitempty"`     // why it belongs here or when it is needed
}

// A RegionEntry adds a division that the built-in table of GB/T 2260 does not
// have: a development zone, a street, or the made-up city of the sample corpus.
type RegionEntry struct {
	Type    Type     `json:"type"`
	Code    string   `json:"code"`
	Name    string   `json:"name"`
	Aliases []string `json:"aliases,omitempty"`

	Extra Extra `json:"-"`
}

// A Word (日常说法) is how people say what officials have another term for. It
// is loaded with the edition, beside the built-in vocabulary.
type Word struct {
	Type       Type     `json:"type"`
	ID         string   `json:"id"`
	Word       string   `json:"word"`               // 上户口
	Official   []string `json:"official"`           // what it stands for: 出生登记
	BothWays   bool     `json:"bothWays,omitempty"` // who says the official term means the word, too
	Confidence float64  `json:"confidence"`         // how surely it is meant, over 0 to 1
	Region     Region   `json:"region,omitzero"`    // where people say so; empty is everywhere
	Kind       WordKind `json:"kind"`
	Note       string   `json:"note,omitempty"`

	Extra Extra `json:"-"`
}

// A WordKind says what kind of everyday word a [Word] is.
type WordKind string

// The kinds of everyday words.
const (
	WordEveryday     WordKind = "everyday"     // 口语
	WordTypo         WordKind = "typo"         // 错字
	WordDialect      WordKind = "dialect"      // 方言
	WordAbbreviation WordKind = "abbreviation" // 简称
)

// WordKinds lists the kinds of everyday words.
var WordKinds = []WordKind{WordEveryday, WordTypo, WordDialect, WordAbbreviation}

// A Period says from when to when a record is in force. An empty end is open.
// Both days belong to the period.
type Period struct {
	From string `json:"from,omitempty"` // a date, 2006-01-02
	To   string `json:"to,omitempty"`
}

// Contains reports whether the period is in force on day t, by t's own
// calendar date.
func (p Period) Contains(t time.Time) bool {
	day := t.Format(time.DateOnly)
	return (p.From == "" || p.From <= day) && (p.To == "" || day <= p.To)
}

// Key returns the guide's key.
func (g *Guide) Key() Key { return Key{TypeGuide, g.Code} }

// Key returns the FAQ's key.
func (q *FAQ) Key() Key { return Key{TypeFAQ, q.ID} }

// Key returns the policy's key.
func (p *Policy) Key() Key { return Key{TypePolicy, p.ID} }

// Key returns the bundle's key.
func (b *Bundle) Key() Key { return Key{TypeBundle, b.ID} }

// Key returns the region entry's key.
func (r *RegionEntry) Key() Key { return Key{TypeRegion, r.Code} }

// Key returns the everyday word's key.
func (w *Word) Key() Key { return Key{TypeWord, w.ID} }

// A Change is what became of one record between two editions.
type Change struct {
	Key    Key
	Record Record // as it is at the later edition; nil if it was removed
}

// Title is what a record is called: a name, a title or a question.
func Title(rec Record) string {
	switch r := rec.(type) {
	case *Guide:
		return r.Name
	case *FAQ:
		return r.Question
	case *Policy:
		return r.Title
	case *Bundle:
		return r.Name
	case *RegionEntry:
		return r.Name
	case *Word:
		return r.Word
	case *HotEntry:
		return r.Question
	case *ReplyEntry:
		return r.ID
	case *AgencyEntry:
		return r.Name
	}
	return ""
}
