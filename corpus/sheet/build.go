package sheet

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/govqa/govqa/corpus"
)

// A builder makes one record of one group. It gathers every fault, because an
// editor mends a row in one go.
type builder struct {
	*reader
	table *table
	group *group
	used  []bool // by column: the value went into a field
	key   corpus.Key
	extra corpus.Extra
	errs  []error
}

func (o *Options) warn(sheet string, row int, field, why string, args ...any) {
	if o.OnWarning != nil {
		o.OnWarning(Warning{sheet, row, field, fmt.Sprintf(why, args...)})
	}
}

func (b *builder) warn(field, why string, args ...any) {
	b.opts.warn(b.table.name, b.group.n, field, why, args...)
}

func (b *builder) reject(field, why string) {
	if b.table.many {
		why = "工作表「" + b.table.name + "」：" + why
	}
	b.errs = append(b.errs, &corpus.FieldError{Key: b.key, Field: field, Why: why})
}

// err joins the faults of reading with those of Validate. A field that could
// not be read is empty, so Validate may call it missing; the first says why.
func (b *builder) err(rec corpus.Record) error {
	if len(b.errs) == 0 {
		return rec.Validate()
	}
	seen := func(field string) bool {
		return slices.ContainsFunc(b.errs, func(err error) bool {
			fe, ok := errors.AsType[*corpus.FieldError](err)
			return ok && fe.Field == field
		})
	}
	all := slices.Clone(b.errs)
	if joined, ok := rec.Validate().(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			if fe, ok := errors.AsType[*corpus.FieldError](err); !ok || !seen(fe.Field) {
				all = append(all, err)
			}
		}
	}
	return errors.Join(all...)
}

// get is the cleaned value of a field, from the first of its columns that has
// one, and that column or -1. Other columns with another value go to Extra.
func (b *builder) get(field string) (string, int) {
	found, col := "", -1
	for _, c := range b.table.head.by[field] {
		v := value(b.group.base[c])
		switch {
		case v == "" || v == found:
			b.used[c] = true
		case col < 0:
			found, col, b.used[c] = v, c, true
		}
	}
	return found, col
}

func (b *builder) text(field string) string {
	v, _ := b.get(field)
	return v
}

// keep puts the value of a column that was not understood into Extra.
func (b *builder) keep(col int, text string) {
	if col < 0 || text == "" {
		return
	}
	raw, err := json.Marshal(text)
	if err != nil {
		b.reject(b.table.head.cols[col].extra, err.Error())
		return
	}
	if b.extra == nil {
		b.extra = corpus.Extra{}
	}
	b.extra[b.table.head.cols[col].extra] = raw
}

// strange keeps a value that the field cannot hold and says so.
func (b *builder) strange(field string, col int, text string) {
	b.warn(field, "值 %q 看不懂，未采用，原样保留在「%s」", short(text), b.table.head.cols[col].extra)
	b.keep(col, text)
}

// rest keeps every column that no field has taken.
func (b *builder) rest() corpus.Extra {
	for i, c := range b.table.head.cols {
		if !b.used[i] && !c.drop {
			b.keep(i, plainText(b.group.base[i]))
		}
	}
	return b.extra
}

func (b *builder) word(field string, table codes) string {
	v, col := b.get(field)
	if v == "" {
		return ""
	}
	w, ok := table.word(v)
	if !ok {
		b.strange(field, col, v)
		return ""
	}
	return w
}

func (b *builder) yes(field string) *bool {
	v, col := b.get(field)
	if v == "" {
		return nil
	}
	yes, ok := parseYes(v)
	if !ok {
		b.strange(field, col, v)
	}
	return yes
}

func (b *builder) url(field string) string {
	v, col := b.get(field)
	if v == "" {
		return ""
	}
	u, ok := parseURL(v)
	if !ok {
		b.strange(field, col, v)
	}
	return u
}

func (b *builder) date(field string) string {
	v, _ := b.get(field)
	if v == "" {
		return ""
	}
	day, err := parseDate(v, b.date04)
	if err != nil {
		b.reject(field, err.Error())
	}
	return day
}

func (b *builder) limit(field string) *corpus.Limit {
	cell, col := b.get(field)
	unit, _ := b.get(field + ".unit")
	note, _ := b.get(field + ".note")
	if cell == "" {
		if note != "" {
			b.keep(b.table.head.by[field+".note"][0], note)
		}
		return nil
	}
	unit, ok := b.unit(unit, b.table.head.cols[col].unit)
	if !ok && bareNumber.MatchString(halfWidth(cell)) {
		b.reject(field, fmt.Sprintf("时限单位 %q 的含义不明", unit))
		return nil
	}
	l, err := ParseLimit(cell, unit)
	if err != nil {
		b.reject(field, err.Error())
		return nil
	}
	if l != nil && l.Note == "" {
		l.Note = note
	}
	return l
}

// unit resolves the unit of a time limit from its own column, else from the
// header, else from the options.
func (b *builder) unit(cell, inHeader string) (string, bool) {
	if cell == "" {
		if inHeader != "" {
			return inHeader, true
		}
		return limitUnits[b.opts.LimitUnits[""]], true
	}
	if u, ok := b.opts.LimitUnits[cell]; ok {
		return limitUnits[u], true
	}
	if u, ok := limitUnits[cell]; ok {
		return u, true
	}
	return cell, false
}

func (b *builder) visits() *int {
	v, _ := b.get("visits")
	if v == "" {
		return nil
	}
	n, err := parseVisits(v)
	if err != nil {
		b.reject("visits", err.Error())
	}
	return n
}

func (b *builder) audience() []corpus.Audience {
	known, unknown := parseAudience(b.text("audience"))
	if len(unknown) > 0 {
		b.reject("audience", fmt.Sprintf("服务对象 %q 不认识", unknown))
	}
	return known
}

func (b *builder) themes() []corpus.Theme {
	var all []corpus.Theme
	for _, f := range themeFields {
		names := map[string][]corpus.Theme{"themes.person": corpus.PersonThemes, "themes.corp": corpus.LegalPersonThemes}[f]
		v, col := b.get(f)
		cells := []string{v}
		if tw := b.twins[b.group.code]; tw != nil && tw.owner == b.group {
			for _, cell := range tw.themes[f] {
				cells = append(cells, value(cell))
			}
		}
		known, unknown := parseThemes(strings.Join(cells, "\n"), names)
		if len(unknown) > 0 && col >= 0 {
			b.strange(f, col, v)
		}
		for _, t := range known {
			if !slices.Contains(all, t) {
				all = append(all, t)
			}
		}
	}
	return all
}

func (b *builder) region() corpus.Region {
	r := corpus.Region{Code: corpus.RegionCode(strings.TrimSpace(halfWidth(b.text("region.code")))), Name: b.text("region.name")}
	v, col := b.get("region")
	switch code := corpus.RegionCode(strings.TrimSpace(halfWidth(v))); {
	case v == "":
	case code.Valid() && r.Code == "":
		r.Code = code
	case !code.Valid() && r.Name == "":
		r.Name = v
	default:
		b.keep(col, v)
	}
	return r
}

func (b *builder) channel() string {
	v, _ := b.get("channel")
	if known, unknown := channels.words(v); len(unknown) == 0 && strings.Trim(halfWidth(v), "0123456789,;、 \n") == "" {
		return strings.Join(known, "、")
	}
	return v
}

func (b *builder) agency() corpus.Agency {
	return corpus.Agency{Name: b.text("agency.name"), Code: strings.TrimSpace(halfWidth(b.text("agency.code")))}
}

func (b *builder) source() corpus.Source {
	return corpus.Source{URL: b.url("source.url"), Updated: b.date("source.updated")}
}

func (b *builder) period() corpus.Period {
	return corpus.Period{From: b.date("effective.from"), To: b.date("effective.to")}
}

// takeCode reads the code and marks its column as used.
func (b *builder) takeCode() string {
	cell, col := b.table.code(b.group.base)
	if col >= 0 {
		b.used[col] = true
	}
	code, err := parseCode(cell)
	if err != nil {
		b.reject("code", err.Error())
	}
	return code
}

func (b *builder) matter() corpus.Matter {
	return corpus.Matter{
		Code:      b.key.ID,
		Name:      strings.ReplaceAll(b.text("name"), "\n", ""),
		ShortName: b.text("shortName"),
		Aliases:   list(b.text("aliases")),
		Parent:    b.text("parent"),
		Situation: b.text("situation"),
		Kind:      b.word("kind", kinds),
		Process:   b.word("process", processes),
		Level:     b.word("level", levels),
		Agency:    b.agency(),
		Region:    b.region(),
		Audience:  b.audience(),
		Themes:    b.themes(),
		Scope:     b.word("scope", scopes),
		Related:   list(b.text("related")),
	}
}

func (b *builder) guide() *corpus.Guide {
	b.key = corpus.Key{Type: corpus.TypeGuide, ID: b.group.code}
	b.key.ID = b.takeCode()
	g := &corpus.Guide{
		Matter:        b.matter(),
		Condition:     b.text("condition"),
		Steps:         b.steps(),
		LegalLimit:    b.limit("legalLimit"),
		PromisedLimit: b.limit("promisedLimit"),
		Visits:        b.visits(),
		VisitReason:   b.text("visitReason"),
		Fee:           b.fee(),
		Materials:     b.materials(),
		Places:        b.places(),
		Basis:         b.basis(),
		FAQs:          b.qas(),
		Internal:      b.internal(),
		Contact:       phone(b.text("contact")),
		Complaint:     phone(b.text("complaint")),
		OnlineURL:     b.url("onlineURL"),
		MobileURL:     b.url("mobileURL"),
		BookingURL:    b.url("bookingURL"),
		Channel:       b.channel(),
		Booking:       b.yes("booking"),
		Express:       b.yes("express"),
		Agent:         b.yes("agent"),
		Result:        b.text("result"),
		Validity:      b.text("validity"),
		Effective:     b.period(),
		Source:        b.source(),
	}
	if len(b.group.rows) >= maxGroup {
		b.reject("code", fmt.Sprintf("同一编码的行太多，最多 %d 行", maxGroup))
	}
	g.Extra = b.rest()
	return g
}

// faq makes an FAQ. Without an id of its own it gets one from its question,
// so that the same table imported again changes nothing.
func (b *builder) faq() *corpus.FAQ {
	id, err := parseCode(b.text("faq.id"))
	question := strings.ReplaceAll(b.text("faq.question"), "\n", " ")
	b.key = corpus.Key{Type: corpus.TypeFAQ, ID: id}
	matter := b.faqMatter()
	if id == "" && err == nil && question != "" {
		id = faqID(question, matter)
		b.key.ID = id
	}
	if err != nil {
		b.reject("id", err.Error())
	}
	f := &corpus.FAQ{
		Type:      corpus.TypeFAQ,
		ID:        id,
		Question:  question,
		Similar:   b.questions("faq.similar", question),
		Counter:   b.questions("faq.counter", question),
		Answer:    b.text("faq.answer"),
		Agency:    b.agency(),
		Region:    b.region(),
		Themes:    b.themes(),
		Matter:    matter,
		Effective: b.period(),
		Source:    b.source(),

		Visibility: b.visibility(),
	}
	f.Extra = b.rest()
	return f
}

// visibility reads who may see a row. A value that is not understood rejects
// the row: shown to everybody it could not be taken back.
func (b *builder) visibility() corpus.Visibility {
	switch v := b.text("visibility"); v {
	case "":
		return ""
	case "公开", "全部", "public":
		return corpus.VisiblePublic
	case "仅坐席", "坐席", "内部", "operator":
		return corpus.VisibleOperator
	default:
		b.reject("visibility", fmt.Sprintf("可见范围 %q 看不懂，应为 公开 或 仅坐席", short(v)))
		return corpus.VisibleOperator
	}
}

func (b *builder) internal() *corpus.Internal {
	in := corpus.Internal{Wording: b.text("internal.wording"), Transfer: b.text("internal.transfer"), Phone: b.text("internal.phone")}
	if in == (corpus.Internal{}) {
		return nil
	}
	return &in
}

func (b *builder) faqMatter() string {
	code, err := parseCode(b.text("faq.matter"))
	if err != nil {
		b.reject("matter", err.Error())
	}
	if code != "" {
		return code
	}
	return b.takeCode()
}

// questions lists the questions of a cell beside the standard question.
func (b *builder) questions(field, question string) []string {
	var all []string
	for s := range strings.FieldsFuncSeq(b.text(field), func(r rune) bool { return strings.ContainsRune(";；\n|", r) }) {
		if s = strings.TrimSpace(s); s != "" && s != question && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// faqID hashes the question, without regard to width, case and spaces, and the
// matter: 可以代办吗 is asked of many.
func faqID(question, matter string) string {
	text := strings.ToLower(strings.Join(strings.Fields(halfWidth(question)), ""))
	if matter != "" {
		text += "\x00" + matter
	}
	sum := sha256.Sum256([]byte(text))
	return "faq-" + hex.EncodeToString(sum[:8])
}
