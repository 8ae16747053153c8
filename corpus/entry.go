package corpus

import "fmt"

// A HotEntry (热门问题) pins a question to the head of the list of questions
// that citizens are offered before they have asked one.
type HotEntry struct {
	Type      Type       `json:"type"`
	ID        string     `json:"id"`
	Question  string     `json:"question"`         // as it is shown and asked
	Matter    string     `json:"matter,omitempty"` // the code of the matter that answers it
	Order     int        `json:"order,omitempty"`  // the smaller goes first; equal ones by id
	Region    Region     `json:"region,omitzero"`
	Audience  []Audience `json:"audience,omitempty"`
	Effective Period     `json:"effective,omitzero"`
	Source    Source     `json:"source,omitzero"`

	Extra Extra `json:"-"`
}

// A ReplyEntry (固定回复) replaces the built-in standing text with which a
// class of texts is answered that must not be searched for: an emergency, a
// complaint, a greeting. Its ID is the name of the class.
type ReplyEntry struct {
	Type      Type   `json:"type"`
	ID        string `json:"id"`
	Text      string `json:"text"`
	Calls     []Call `json:"calls,omitempty"` // numbers to ring, offered as buttons
	Effective Period `json:"effective,omitzero"`
	Source    Source `json:"source,omitzero"`

	Extra Extra `json:"-"`
}

// A Call is a number to ring (拨打) and what the button says.
type Call struct {
	Label string `json:"label"`
	Phone string `json:"phone"`
}

// An AgencyEntry (机构) is an agency's entry in the directory: where a guide
// does not publish a telephone, its agency's is given.
type AgencyEntry struct {
	Type      Type     `json:"type"`
	Code      string   `json:"code"` // 统一社会信用代码, or a code of one's own
	Name      string   `json:"name"` // as guides name it
	Aliases   []string `json:"aliases,omitempty"`
	Region    Region   `json:"region,omitzero"`
	Phone     string   `json:"phone,omitempty"`     // 咨询电话
	Complaint string   `json:"complaint,omitempty"` // 监督投诉电话
	Address   string   `json:"address,omitempty"`
	Hours     string   `json:"hours,omitempty"`
	URL       string   `json:"url,omitempty"` // of its website
	Effective Period   `json:"effective,omitzero"`
	Source    Source   `json:"source,omitzero"`

	Extra Extra `json:"-"`
}

// Key returns the hot question's key.
func (h *HotEntry) Key() Key { return Key{TypeHot, h.ID} }

// Key returns the reply's key.
func (r *ReplyEntry) Key() Key { return Key{TypeReply, r.ID} }

// Key returns the agency's key.
func (a *AgencyEntry) Key() Key { return Key{TypeAgency, a.Code} }

// UnknownKeys implements [Record].
func (h *HotEntry) UnknownKeys() []string { return h.Extra.keys() }

// UnknownKeys implements [Record].
func (r *ReplyEntry) UnknownKeys() []string { return r.Extra.keys() }

// UnknownKeys implements [Record].
func (a *AgencyEntry) UnknownKeys() []string { return a.Extra.keys() }

// Validate implements [Record].
func (h *HotEntry) Validate() error {
	f := faults{key: h.Key()}
	f.id("id", h.ID)
	f.required("question", h.Question, maxQuestion)
	if h.Order < 0 {
		f.add("order", "不能为负数")
	}
	f.audience(h.Audience)
	f.region(h.Region)
	f.period(h.Effective)
	f.source(h.Source)
	return f.err()
}

// Validate implements [Record].
func (r *ReplyEntry) Validate() error {
	f := faults{key: r.Key()}
	f.id("id", r.ID)
	f.required("text", r.Text, maxText)
	f.count("calls", len(r.Calls))
	for i, c := range r.Calls {
		f.required(fmt.Sprintf("calls[%d].label", i), c.Label, maxName)
		f.dialable(fmt.Sprintf("calls[%d].phone", i), c.Phone)
	}
	f.period(r.Effective)
	f.source(r.Source)
	return f.err()
}

// Validate implements [Record].
func (a *AgencyEntry) Validate() error {
	f := faults{key: a.Key()}
	f.id("code", a.Code)
	f.required("name", a.Name, maxName)
	for i, alias := range a.Aliases {
		f.required(fmt.Sprintf("aliases[%d]", i), alias, maxName)
	}
	f.region(a.Region)
	f.text("phone", a.Phone, maxName)
	f.text("complaint", a.Complaint, maxName)
	f.text("address", a.Address, maxText)
	f.text("hours", a.Hours, maxText)
	f.url("url", a.URL)
	f.period(a.Effective)
	f.source(a.Source)
	return f.err()
}
