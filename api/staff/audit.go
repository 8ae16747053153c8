package staff

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/api/web"
	"github.com/govqa/govqa/corpus/store"
)

const (
	auditLines = 100    // on one page
	auditScan  = 20_000 // entries that are looked at for one page
)

// An auditFilter says which entries are meant.
type auditFilter struct {
	Actor, Action, Object string // beginnings
	From, To              string // days, as 2026-11-26; empty: no limit
	from, to              time.Time
}

func filterOf(c *fiber.Ctx) (f auditFilter, err error) {
	f = auditFilter{Actor: cut(c.Query("actor"), 64), Action: cut(c.Query("action"), 64), Object: cut(c.Query("object"), 128),
		From: c.Query("from"), To: c.Query("to")}
	if f.from, err = dayOf(f.From); err == nil {
		f.to, err = dayOf(f.To)
	}
	if err != nil {
		return f, api.NewProblem(http.StatusUnprocessableEntity, "日期应形如 2026-11-26。")
	}
	if !f.to.IsZero() {
		f.to = f.to.AddDate(0, 0, 1)
	}
	return f, nil
}

func dayOf(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return time.ParseInLocation(time.DateOnly, text, web.China())
}

func (f auditFilter) takes(e store.AuditEntry) bool {
	return strings.HasPrefix(e.Actor, f.Actor) && strings.HasPrefix(e.Action, f.Action) && strings.HasPrefix(e.Object, f.Object) &&
		(f.from.IsZero() || !e.Time.Before(f.from)) && (f.to.IsZero() || e.Time.Before(f.to))
}

// String says the filter, for the audit log and for addresses.
func (f auditFilter) String() string { return f.values().Encode() }

func (f auditFilter) values() url.Values {
	v := url.Values{}
	for key, value := range map[string]string{"actor": f.Actor, "action": f.Action, "object": f.Object, "from": f.From, "to": f.To} {
		if value != "" {
			v.Set(key, value)
		}
	}
	return v
}

// An auditPage shows a part of the log, newest first.
type auditPage struct {
	Filter  auditFilter
	Entries []store.AuditEntry
	More    string // address of the older ones; empty: there are none
	CSV     string
	JSONL   string
	Head    store.AuditHead
	Actions []web.ActionName

	Verdict string // of a verification that was just made
	Bad     bool
	Kept    string // the heads that it was held against
}

func (s *Staff) audit(ctx context.Context, c *fiber.Ctx, who Session) error {
	f, err := filterOf(c)
	if err != nil {
		return err
	}
	before, err := strconv.ParseUint("0"+c.Query("before"), 10, 64)
	if err != nil {
		return api.NewProblem(http.StatusUnprocessableEntity, "翻页的序号有误。")
	}
	if err := s.store.Audit(ctx, who.Name, "audit.read", "", f.String()); err != nil {
		return err
	}
	page := auditPage{Filter: f}
	if err := s.fillAudit(ctx, &page, before); err != nil {
		return err
	}
	return s.showAudit(c, who, http.StatusOK, page)
}

// fillAudit looks for the entries of a page.
func (s *Staff) fillAudit(ctx context.Context, page *auditPage, before uint64) error {
	looked := 0
	for e, err := range s.store.AuditBefore(before) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if len(page.Entries) == auditLines || looked == auditScan {
			v := page.Filter.values()
			v.Set("before", strconv.FormatUint(e.Seq+1, 10))
			page.More = "/staff/audit?" + v.Encode()
			return nil
		}
		looked++
		if page.Filter.takes(e) {
			page.Entries = append(page.Entries, e)
		}
	}
	return nil
}

func (s *Staff) showAudit(c *fiber.Ctx, who Session, status int, page auditPage) error {
	page.Head, page.Actions = s.store.AuditHead(), web.AuditActions()
	v := page.Filter.values()
	v.Set("format", "csv")
	page.CSV = "/staff/audit/export?" + v.Encode()
	v.Set("format", "jsonl")
	page.JSONL = "/staff/audit/export?" + v.Encode()
	return s.Render(c, who, status, "audit", "审计记录", page)
}

// exportAudit sends the entries that the filter takes, oldest first, each held
// against the hash chain. Where the chain is broken the file ends with a line
// that says so.
func (s *Staff) exportAudit(ctx context.Context, c *fiber.Ctx, who Session) error {
	f, err := filterOf(c)
	if err != nil {
		return err
	}
	format := c.Query("format")
	write, kind := writeJSONL, "application/jsonl; charset=utf-8"
	switch format {
	case "jsonl":
	case "csv":
		write, kind = writeCSV, "text/csv; charset=utf-8"
	default:
		return api.NewProblem(http.StatusUnprocessableEntity, "导出的格式是 csv 或 jsonl。")
	}
	if err := s.store.Audit(ctx, who.Name, "audit.export", format, f.String()); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, kind)
	c.Set(fiber.HeaderContentDisposition, fmt.Sprintf(`attachment; filename="govqa-audit-%s.%s"`, s.now().In(web.China()).Format("20060102-150405"), format))
	entries := func(yield func(store.AuditEntry, error) bool) {
		for e, err := range s.store.AuditTrail(0) {
			if (err != nil || f.takes(e)) && !yield(e, err) {
				return
			}
		}
	}
	request := api.RequestID(ctx)
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) { // after this handler: nothing of c may be used
		if err := errors.Join(write(w, entries), w.Flush()); err != nil {
			s.log.Error("audit log not exported whole", "request", request, "err", err)
		}
	})
	return nil
}

// entrySeq yields entries of the audit log, and at last an error if need be.
type entrySeq = func(yield func(store.AuditEntry, error) bool)

func writeJSONL(w *bufio.Writer, entries entrySeq) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	for e, err := range entries {
		if err != nil {
			return errors.Join(err, out.Encode(map[string]string{"error": err.Error()}))
		}
		if err := out.Encode(e); err != nil {
			return err
		}
	}
	return nil
}

func writeCSV(w *bufio.Writer, entries entrySeq) error {
	if _, err := w.WriteString("\ufeff"); err != nil { // spreadsheets take it for UTF-8 then
		return err
	}
	out := csv.NewWriter(w)
	if err := out.Write([]string{"序号", "时间", "操作人", "操作", "对象", "说明", "散列"}); err != nil {
		return err
	}
	for e, err := range entries {
		row := []string{strconv.FormatUint(e.Seq, 10), e.Time.In(web.China()).Format(time.RFC3339), e.Actor, e.Action, e.Object, e.Detail, e.Hash}
		if err != nil {
			row = []string{"", "", "", "", "", "错误：" + err.Error(), ""}
		}
		for i := range row {
			row[i] = Cell(row[i])
		}
		if err := errors.Join(err, out.Write(row)); err != nil {
			out.Flush()
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// Cell makes a text safe as a cell of a CSV file: a spreadsheet would run one
// that begins like a formula.
func Cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(text)[0]) {
		return "'" + text
	}
	return text
}

// verifyAudit walks through the whole log.
func (s *Staff) verifyAudit(ctx context.Context, c *fiber.Ctx, who Session) error {
	lines := strings.Fields(c.FormValue("kept"))
	page := auditPage{Kept: strings.Join(lines, "\n")}
	var kept []store.AuditHead
	for _, line := range lines {
		head, err := store.ParseAuditHead(line)
		if err != nil {
			return api.NewProblem(http.StatusUnprocessableEntity, "存证应形如 序号:散列，每行一份。")
		}
		kept = append(kept, head)
	}
	head, err := s.store.VerifyAudit(ctx, kept...)
	switch {
	case errors.Is(err, store.ErrDamaged):
		page.Bad, page.Verdict = true, err.Error()
	case err != nil:
		return err
	default:
		page.Verdict = fmt.Sprintf("共 %d 条，散列链完整", head.Seq)
		if len(kept) > 0 {
			page.Verdict += fmt.Sprintf("，与 %d 份存证相符", len(kept))
		}
	}
	if err := s.store.Audit(ctx, who.Name, "audit.verify", head.String(), page.Verdict); err != nil {
		return err
	}
	if err := s.fillAudit(ctx, &page, 0); err != nil {
		return err
	}
	return s.showAudit(c, who, http.StatusOK, page)
}
