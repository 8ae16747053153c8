// Package console is where members of staff keep the corpus true: they find
// and edit records, review each other's drafts, publish, withdraw and roll
// back, and import and export.
//
// It promises that nothing is published that somebody else has not approved,
// except by the emergency withdrawal, which only takes away; that the second
// of two editors sees what the first has done; and that a page which says that
// something is live has seen it answer questions. What must hold is enforced
// by package store; the pages only show it.
package console

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/api/web"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/fields"
	"github.com/govqa/govqa/corpus/store"
)

// Config is what a Console is made of. Store and Pages are required.
type Config struct {
	Store *store.Store
	Pages *web.Pages
	Log   *slog.Logger     // nil logs nothing
	Now   func() time.Time // nil is time.Now

	// Cut cuts texts into words for differences. Nil takes Chinese characters
	// for words.
	Cut fields.Cutter

	// Engine lets a draft be seen as citizens would. Nil means no previews.
	Engine Previewer

	// Dir is a folder for files that are being imported. It is made if it is
	// missing, and may be emptied when no service runs.
	Dir string

	// Live brings what answers questions up to the current edition. Nil means
	// that nothing does.
	Live func(context.Context) error
}

// A Console serves the pages of those who keep the corpus. Make one with New.
type Console struct {
	Config
	staff   *staff.Staff
	rows    *catalogue
	clashes *clashes
	runs    *runs
	base    context.Context // of imports; ends with the service
	stop    context.CancelFunc
}

// New returns a console. Its pages are registered by Register.
func New(cfg Config) *Console {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Live == nil {
		cfg.Live = func(context.Context) error { return nil }
	}
	c := &Console{Config: cfg, rows: &catalogue{store: cfg.Store}, clashes: newClashes(), runs: newRuns()}
	c.base, c.stop = context.WithCancel(context.Background())
	return c
}

// Who may do what.
var (
	readers    = []string{"editor", "reviewer", "publisher", "supervisor", "auditor"}
	editors    = []string{"editor"}
	reviewers  = []string{"reviewer"}
	publishers = []string{"publisher"}
)

// Register registers every page of the console.
func (c *Console) Register(r *staff.Router) {
	c.staff = r.Staff()
	r.Page(http.MethodGet, "/console", readers, c.home)
	r.Menu("/console", "内容")
	r.Page(http.MethodGet, "/console/records", readers, c.list)
	r.Page(http.MethodPost, "/console/records/change", editors, c.changeMany)
	r.Page(http.MethodGet, "/console/record", readers, c.record)
	r.Page(http.MethodGet, "/console/edit", editors, c.editForm)
	r.Page(http.MethodPost, "/console/edit", editors, c.edit)
	r.Page(http.MethodGet, "/console/drafts", readers, c.drafts)
	r.Page(http.MethodPost, "/console/drafts/submit", editors, c.submit)
	r.Page(http.MethodPost, "/console/drafts/drop", editors, c.drop)
	r.Page(http.MethodPost, "/console/drafts/remove", editors, c.remove)
	r.Page(http.MethodPost, "/console/drafts/restore", editors, c.restore)
	r.Page(http.MethodPost, "/console/drafts/approve", reviewers, c.approve)
	r.Page(http.MethodPost, "/console/drafts/return", reviewers, c.giveBack)
	r.Page(http.MethodPost, "/console/drafts/schedule", publishers, c.schedule)
	r.Page(http.MethodGet, "/console/publish", append(slices.Clone(publishers), "auditor", "supervisor"), c.publishForm)
	r.Menu("/console/publish", "发布")
	r.Page(http.MethodPost, "/console/publish", publishers, c.publish)
	r.Page(http.MethodPost, "/console/publish/judge", publishers, c.judge)
	r.Page(http.MethodPost, "/console/withdraw", publishers, c.withdraw)
	r.Page(http.MethodGet, "/console/editions", readers, c.editions)
	r.Page(http.MethodPost, "/console/editions/rollback", publishers, c.rollback)
	r.Page(http.MethodGet, "/console/conflicts", readers, c.conflicts)
	r.Page(http.MethodGet, "/console/preview", readers, c.preview)
	r.Page(http.MethodGet, "/console/import", readers, c.imports)
	r.Page(http.MethodPost, "/console/import/upload", editors, c.upload)
	r.Page(http.MethodGet, "/console/import/job", readers, c.jobView)
	r.JSON(http.MethodGet, "/console/import/progress", readers, "", c.progress)
	r.Page(http.MethodPost, "/console/import/check", editors, c.check)
	r.Page(http.MethodPost, "/console/import/save", editors, c.saveDrafts)
	r.Page(http.MethodPost, "/console/import/cancel", editors, c.cancelImport)
	r.Page(http.MethodPost, "/console/import/undo", editors, c.undo)
	r.Page(http.MethodGet, "/console/import/rejected", readers, c.rejected)
	r.Page(http.MethodGet, "/console/export", readers, c.exportForm)
	r.Page(http.MethodGet, "/console/export/file", readers, c.exportFile)
}

// The longest requests: a form with the text of a law, and a file.
const (
	maxForm   = 4 << 20
	maxUpload = 64 << 20
)

// Rooms are the paths of the console that take longer requests than others.
func (c *Console) Rooms(s *staff.Staff) []api.Room {
	return []api.Room{
		s.Room("/console/", maxForm, time.Minute),
		s.Room("/console/import/upload", maxUpload, 5*time.Minute),
	}
}

// home shows what waits for whom, and what is published.
func (c *Console) home(_ context.Context, f *fiber.Ctx, who staff.Session) error {
	drafts, err := c.Store.Drafts()
	if err != nil {
		return err
	}
	page := homePage{Edition: c.Store.Current()}
	for _, state := range store.States {
		page.States = append(page.States, stateCount{State: state})
	}
	for _, d := range drafts {
		for i := range page.States {
			if s := &page.States[i]; s.State == d.State {
				s.Drafts++
				if d.Actor == who.Name {
					s.Mine++
				}
			}
		}
	}
	for _, t := range corpus.Types {
		page.Types = append(page.Types, typeCount{t, TypeName(t), page.Edition.Records[t]})
	}
	return c.staff.Render(f, who, http.StatusOK, "console", "内容", page)
}

type homePage struct {
	Edition store.EditionInfo
	States  []stateCount
	Types   []typeCount
}

type stateCount struct {
	State  store.State
	Drafts int
	Mine   int // of who looks
}

type typeCount struct {
	Type    corpus.Type
	Name    string
	Records int
}

// TypeName is what a type of record is called on pages.
func TypeName(t corpus.Type) string {
	switch t {
	case corpus.TypeGuide:
		return "办事指南"
	case corpus.TypeFAQ:
		return "常见问题"
	case corpus.TypePolicy:
		return "政策文件"
	case corpus.TypeBundle:
		return "一件事"
	case corpus.TypeRegion:
		return "行政区划"
	case corpus.TypeWord:
		return "日常说法"
	case corpus.TypeHot:
		return "热门问题"
	case corpus.TypeReply:
		return "固定回复"
	case corpus.TypeAgency:
		return "机构"
	}
	return fmt.Sprintf("记录（%s）", t)
}
