// Package quality is where members of staff see how well questions are
// answered, and mend what is not: everyday words, judged questions, questions
// without an answer, messages, the test bench, what grows old, and figures.
//
// It promises that what it shows of citizens is masked, except the messages
// that they have addressed to the agencies and whose reading is audited; that
// every figure comes from facts of the journal and the published corpus; and
// that a question asked to try something out is no citizen's question.
package quality

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/insight"
	"github.com/govqa/govqa/answer/regress"
	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/linkcheck"
	"github.com/govqa/govqa/corpus/store"
)

// A Mailbox is where citizens' messages lie.
type Mailbox interface {
	// Find returns the message of a number and its replies, oldest first, or
	// corpus.ErrNotFound.
	Find(ctx context.Context, number string) (answer.KeptMessage, []answer.MessageReply, error)
	// Reply keeps somebody's reply, or returns corpus.ErrNotFound.
	Reply(ctx context.Context, actor string, r answer.MessageReply) error
	// Numbers lists the numbers of all messages in the order in which they came.
	Numbers() []string
	// Replied returns how many replies a message has.
	Replied(number string) int
}

// Config is what a Quality is made of. All but Log, Now and Agent are required.
type Config struct {
	Store  *store.Store
	Engine *answer.Engine
	View   *insight.View
	Mail   Mailbox
	Agent  string // who asks for links to sources
	Log    *slog.Logger
	Now    func() time.Time
}

// A Quality serves these pages. Make one with New.
type Quality struct {
	Config
	staff    *staff.Staff
	links    linkRun
	settling sync.Mutex // one Settle at a time
	shelves  shelfCache
	checker  linkcheck.Checker // of links; its hosts are a setting
}

// New returns a Quality. Its pages are registered by Register.
func New(cfg Config) *Quality {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Quality{Config: cfg}
}

// Who may do what.
var (
	readers   = []string{"editor", "reviewer", "publisher", "supervisor", "auditor"}
	editors   = []string{"editor"}
	keepers   = []string{"editor", "supervisor"} // of gaps and messages
	hostsRole = []string{"admin", "publisher"}   // says which hosts are called
)

// Register registers every page.
func (q *Quality) Register(r *staff.Router) {
	q.staff = r.Staff()
	get := func(path string, roles []string, h func(context.Context, *fiber.Ctx, staff.Session) error) {
		r.Page(http.MethodGet, path, roles, h)
	}
	post := func(path string, roles []string, h func(context.Context, *fiber.Ctx, staff.Session) error) {
		r.Page(http.MethodPost, path, roles, h)
	}
	get("/console/gaps", readers, q.gaps)
	get("/console/gaps/export", readers, q.exportGaps)
	get("/console/gaps/case", readers, q.gap)
	post("/console/gaps/case", keepers, q.decide)
	get("/console/gaps/remedy", editors, q.remedyForm)
	post("/console/gaps/remedy", editors, q.remedy)
	r.Menu("/console/gaps", "缺口")
	get("/console/messages", keepers, q.messages)
	get("/console/messages/one", keepers, q.message)
	post("/console/messages/one", keepers, q.replyMessage)
	r.Menu("/console/messages", "留言")
	get("/console/words", readers, q.words)
	post("/console/words", editors, q.addWord)
	get("/console/words/preview", readers, q.previewWords)
	get("/console/words/export", readers, q.exportWords)
	post("/console/words/import", editors, q.importWords)
	r.Menu("/console/words", "日常说法")
	get("/console/judged", readers, q.judged)
	get("/console/judged/edit", editors, q.judgedForm)
	post("/console/judged/edit", editors, q.saveJudged)
	post("/console/judged/remove", editors, q.removeJudged)
	post("/console/judged/import", editors, q.importJudged)
	get("/console/judged/export", readers, q.exportJudged)
	get("/console/judged/run", readers, q.runJudged)
	r.Menu("/console/judged", "评判题")
	get("/console/bench", readers, q.bench)
	r.Menu("/console/bench", "试验台")
	get("/console/freshness", readers, q.freshness)
	get("/console/freshness/export", readers, q.exportFreshness)
	post("/console/freshness/reviewed", editors, q.reviewed)
	post("/console/freshness/hosts", hostsRole, q.saveHosts)
	post("/console/freshness/check", keepers, q.checkLinks)
	r.Menu("/console/freshness", "时效")
	get("/console/figures", readers, q.figures)
	get("/console/figures/export", readers, q.exportFigures)
	r.Menu("/console/figures", "数据")
}

// Gate returns the gate that keeps publications from making answers worse.
func (q *Quality) Gate() store.Gate { return regress.Gate(q.Engine, q.loadJudged) }

// problem is an error that somebody can do something about.
func problem(status int, format string, args ...any) error {
	return api.NewProblem(status, fmt.Sprintf(format, args...))
}

func missing(what string) error { return problem(http.StatusNotFound, "没有%s。", what) }

func unfit(format string, args ...any) error {
	return problem(http.StatusUnprocessableEntity, format, args...)
}

// refused tells the editor what the store has against a draft; other errors
// stay as they are.
func refused(err error) error {
	var fault *corpus.FieldError
	switch {
	case errors.Is(err, store.ErrConflict):
		return problem(http.StatusConflict, "%s", err)
	case errors.As(err, &fault):
		return unfit("%s", err)
	}
	return err
}

// perPage is how many lines a page of a list has.
const perPage = 50

// A pager leads through the pages of a list.
type pager struct {
	Page, Pages, Total int
	Before, After      string // addresses; "" where there is none
}

// page cuts the part of a list that a request asks for.
func page[T any](f *fiber.Ctx, list []T) ([]T, pager) {
	p := pager{Page: 1, Pages: max(1, (len(list)+perPage-1)/perPage), Total: len(list)}
	if n, err := strconv.Atoi(f.Query("page")); err == nil {
		p.Page = min(max(n, 1), p.Pages)
	}
	link := func(n int) string {
		args := f.Request().URI().QueryArgs()
		args.Set("page", strconv.Itoa(n))
		return f.Path() + "?" + args.String()
	}
	from := (p.Page - 1) * perPage
	if p.Page > 1 {
		p.Before = link(p.Page - 1)
	}
	if p.Page < p.Pages {
		p.After = link(p.Page + 1)
	}
	return list[from:min(from+perPage, len(list))], p
}

// today is the day as dates are written.
func (q *Quality) today() string { return q.Now().Format(time.DateOnly) }

// docs reads every document of a kind.
func (q *Quality) docs(kind string, each func(store.Doc) error) error {
	after := ""
	for {
		list, err := q.Store.Docs(kind, after, 500)
		if err != nil {
			return err
		}
		for _, d := range list {
			if err := each(d); err != nil {
				return fmt.Errorf("%s %s: %w", kind, d.ID, err)
			}
			after = d.ID
		}
		if len(list) < 500 {
			return nil
		}
	}
}

// upload returns the only file of a form.
func upload(f *fiber.Ctx) (name string, data []byte, err error) {
	header, err := f.FormFile("file")
	if err != nil {
		return "", nil, unfit("请选择一个文件。")
	}
	if header.Size > maxUpload {
		return "", nil, problem(http.StatusRequestEntityTooLarge, "文件最大 %d MiB。", maxUpload>>20)
	}
	file, err := header.Open()
	if err != nil {
		return "", nil, fmt.Errorf("upload: %w", err)
	}
	data, err = io.ReadAll(file)
	return header.Filename, data, errors.Join(err, file.Close())
}

// atOnce calls fn for every item, several at once, because the store writes
// together what comes at the same time. It returns the first error.
func atOnce[T any](list []T, fn func(T) error) error {
	var (
		wait  sync.WaitGroup
		slots = make(chan struct{}, 32)
		errs  = make([]error, len(list))
	)
	for i, item := range list {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			errs[i] = fn(item)
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// maxUpload is the size of the largest file that is taken.
const maxUpload = 8 << 20

// A notice is what the page before has done, said on top of the next one.
func notice(f *fiber.Ctx) string { return strings.TrimSpace(f.Query("done")) }

// regionOf reads a division's code from a request.
func regionOf(f *fiber.Ctx) (corpus.RegionCode, error) {
	code := corpus.RegionCode(strings.TrimSpace(f.FormValue("region", f.Query("region"))))
	if code != "" && !code.Valid() {
		return "", unfit("区划代码 %q 无效，应为 6、9 或 12 位数字。", string(code))
	}
	return code, nil
}
