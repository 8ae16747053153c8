package web

import (
	"encoding/json"
	"fmt"
	"html/template"
	"net/url"
	"strings"

	"github.com/govqa/govqa/corpus"
)

// A guidePage is a guide made ready for its page. Every field of a guide has
// its place on the page, published or not.
type guidePage struct {
	Matter
	Key       []field // what most people look for first
	Overview  []field
	Time      []field
	Visit     []field
	Fee       []field
	Online    []field
	Doors     []door // of the fields above that lead somewhere
	Outcome   []field
	Materials []materialRow
	Quick     []quick
	LeaveURL  string
	Call      template.URL // the first number to ask at; may be empty
	LinkedTo  template.URL // where the guide was published
	Schema    template.JS  // JSON-LD
}

// A field is a label and its text, or where it leads.
type field struct {
	Label string
	Text  string
	Href  template.URL // may be empty
}

// A door leads to where the matter can be applied for.
type door struct {
	field
	First bool
}

// doors are the fields that lead somewhere.
func doors(fields []field) []door {
	var list []door
	for _, f := range fields {
		if f.Href != "" {
			list = append(list, door{f, len(list) == 0})
		}
	}
	return list
}

// A materialRow is one line of the table of materials.
type materialRow struct {
	corpus.Material
	Number string
	Kind   string // 材料类型 and 材料形式
	Copies string
	Blank  template.URL
	Sample template.URL
}

// A quick question is one that is often asked of a matter.
type quick struct{ Label, Text string }

func guideView(m Matter) guidePage {
	g := m.Guide
	v := guidePage{
		Matter: m, Key: keyFields(g), Overview: overview(g), Materials: materials(g.Materials),
		Time: []field{{Label: "承诺办结时限", Text: limit(g.PromisedLimit)}, {Label: "法定办结时限", Text: limit(g.LegalLimit)}},
		Visit: []field{{Label: "到办事现场次数", Text: count(g.Visits, "次")}, {Label: "必须到现场的原因", Text: published(g.VisitReason)},
			{Label: "可否预约", Text: yesNo(g.Booking)}, {Label: "可否代办", Text: yesNo(g.Agent)}},
		Fee: fee(g.Fee),
		Online: []field{link("网上办理", g.OnlineURL), link("手机办理", g.MobileURL), link("网上预约", g.BookingURL),
			{Label: "办理渠道", Text: published(g.Channel)}},
		Outcome: []field{{Label: "办理结果", Text: published(g.Result)}, {Label: "有效期", Text: published(g.Validity)},
			{Label: "可否邮寄送达", Text: yesNo(g.Express)}},
		Call: firstCall(g.Contact), LinkedTo: safeURL(g.Source.URL), Schema: schema(g, m.Address),
	}
	v.Doors = doors(v.Online)
	v.LeaveURL = "/message?" + url.Values{"matter": {g.Code}}.Encode()
	for _, q := range []quick{{"要带什么材料", "需要什么材料"}, {"多久能办好", "多久能办好"}, {"怎么收费", "怎么收费"}, {"去哪里办", "去哪里办"}, {"能网上办吗", "能在网上办吗"}} {
		v.Quick = append(v.Quick, quick{q.Label, g.Name + q.Text})
	}
	return v
}

// keyFields are the four facts that most people look for first.
func keyFields(g *corpus.Guide) []field {
	time, charged, online := limit(g.PromisedLimit), fee(g.Fee)[0].Text, unpublished
	if g.PromisedLimit == nil {
		time = limit(g.LegalLimit)
	}
	if g.OnlineURL != "" || g.MobileURL != "" {
		online = "可以"
	}
	return []field{{Label: "多久办好", Text: time}, {Label: "跑几次", Text: count(g.Visits, "次")}, {Label: "是否收费", Text: charged}, {Label: "网上办理", Text: online}}
}

// firstCall is a link to the first telephone number of a text.
func firstCall(contact string) template.URL {
	for _, s := range phones(contact) {
		if s.Href != "" {
			return s.Href
		}
	}
	return ""
}

func overview(g *corpus.Guide) []field {
	names := func(n int, name func(int) string) string {
		list := make([]string, n)
		for i := range list {
			list[i] = name(i)
		}
		return published(strings.Join(list, "、"))
	}
	list := []field{
		{Label: "实施主体", Text: published(g.Agency.Name)},
		{Label: "行政区划", Text: published(g.Region.Name)},
		{Label: "服务对象", Text: names(len(g.Audience), func(i int) string { return string(g.Audience[i]) })},
		{Label: "事项类型", Text: published(g.Kind)},
		{Label: "办件类型", Text: published(g.Process)},
		{Label: "行使层级", Text: published(g.Level)},
		{Label: "通办范围", Text: published(g.Scope)},
		{Label: "主题分类", Text: names(len(g.Themes), func(i int) string { return string(g.Themes[i]) })},
		{Label: "主项名称", Text: published(g.Parent)},
		{Label: "办理情形", Text: published(g.Situation)},
		{Label: "实施编码", Text: g.Code},
	}
	if p := g.Effective; p.From != "" || p.To != "" {
		list = append(list, field{Label: "生效期间", Text: period(p)})
	}
	return list
}

func period(p corpus.Period) string {
	from, to := p.From, p.To
	if to == "" {
		to = "长期"
	}
	return strings.TrimSpace(from + " 至 " + to)
}

func materials(list []corpus.Material) []materialRow {
	rows := make([]materialRow, len(list))
	for i, m := range list {
		rows[i] = materialRow{
			Material: m, Number: fmt.Sprint(i + 1), Kind: published(joined("，", m.Kind, m.Form)),
			Copies: count(m.Copies, "份"), Blank: safeURL(m.Blank), Sample: safeURL(m.Sample),
		}
	}
	return rows
}

// fee says 不收费 only when the agency has said so.
func fee(f *corpus.Fee) []field {
	charged := unpublished
	if f != nil && f.Charged != nil {
		charged = "不收费"
		if *f.Charged {
			charged = "收费"
		}
	}
	list := []field{{Label: "是否收费", Text: charged}}
	if f == nil {
		return list
	}
	for _, item := range f.Items {
		name := item.Name
		if name == "" {
			name = "收费项目"
		}
		text := published(item.Amount)
		if item.Basis != "" {
			text += "（依据：" + item.Basis + "）"
		}
		list = append(list, field{Label: name, Text: text})
	}
	return list
}

func limit(l *corpus.Limit) string {
	if l == nil {
		return unpublished
	}
	return l.String()
}

func count(n *int, unit string) string {
	if n == nil {
		return unpublished
	}
	return fmt.Sprint(*n, unit)
}

func yesNo(b *bool) string {
	switch {
	case b == nil:
		return unpublished
	case *b:
		return "可以"
	}
	return "不可以"
}

// link is a field that holds an address; one that cannot be followed safely
// is shown as text.
func link(label, address string) field {
	return field{Label: label, Text: published(address), Href: safeURL(address)}
}

// A thing is an object of schema.org.
type thing map[string]any

// set adds a property if there is something to say.
func (t thing) set(key string, v any) {
	switch v := v.(type) {
	case string:
		if v == "" {
			return
		}
	case thing:
		if v == nil {
			return
		}
	}
	t[key] = v
}

// named is a thing of which only the name is known.
func named(typ, name string) thing {
	if name == "" {
		return nil
	}
	return thing{"@type": typ, "name": name}
}

// schema describes the matter to search engines, as far as it is published.
func schema(g *corpus.Guide, address string) template.JS {
	s := thing{"@context": "https://schema.org", "@type": "GovernmentService", "name": g.Name, "identifier": g.Code}
	s.set("alternateName", g.ShortName)
	s.set("provider", named("GovernmentOrganization", g.Agency.Name))
	s.set("areaServed", named("AdministrativeArea", g.Region.Name))
	s.set("serviceType", g.Kind)
	s.set("url", address)
	s.set("isBasedOn", string(safeURL(g.Source.URL)))
	var channels []thing
	if u := safeURL(g.OnlineURL); u != "" {
		channels = append(channels, thing{"@type": "ServiceChannel", "serviceUrl": string(u)})
	}
	for _, p := range g.Places {
		place := thing{"@type": "Place"}
		place.set("name", p.Name)
		place.set("address", p.Address)
		channel := thing{"@type": "ServiceChannel", "serviceLocation": place}
		if p.Phone != "" {
			channel["servicePhone"] = thing{"@type": "ContactPoint", "telephone": p.Phone}
		}
		channels = append(channels, channel)
	}
	if len(channels) > 0 {
		s["availableChannel"] = channels
	}
	if len(g.Audience) > 0 {
		s["audience"] = thing{"@type": "Audience", "audienceType": g.Audience}
	}
	raw, err := json.Marshal(s)
	if err != nil { // strings and maps of them always marshal
		return "{}"
	}
	// json.Marshal writes <, > and & as escapes, so the element cannot be closed from inside.
	return template.JS(raw)
}
