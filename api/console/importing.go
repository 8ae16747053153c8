package console

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/corpus/document"
	"github.com/govqa/govqa/corpus/fields"
	"github.com/govqa/govqa/corpus/sheet"
	"github.com/govqa/govqa/corpus/store"
)

// The kinds of documents that imports are kept in.
const (
	docImport  = "import"         // one import: id -> job
	docMapping = "import.mapping" // of a source: its name -> headers and their fields
)

// A jobState says how far an import has come.
type jobState string

// The states of an import.
const (
	jobLooked    jobState = "looked"    // the file is here, and how it is understood can be changed
	jobChecking  jobState = "checking"  // a dry run is under way
	jobChecked   jobState = "checked"   // what would change is known
	jobSaving    jobState = "saving"    // drafts are being written
	jobSaved     jobState = "saved"     // the drafts are there
	jobCancelled jobState = "cancelled" // by its editor; nothing is left of it
	jobFailed    jobState = "failed"    // nothing is left of it
	jobUndone    jobState = "undone"    // its drafts were taken back
)

// Label says the state as an editor reads it.
func (s jobState) Label() string {
	switch s {
	case jobLooked:
		return "已上传"
	case jobChecking:
		return "试运行中"
	case jobChecked:
		return "试运行完成"
	case jobSaving:
		return "保存中"
	case jobSaved:
		return "已存为草稿"
	case jobCancelled:
		return "已取消"
	case jobUndone:
		return "已取回"
	}
	return "失败"
}

// A job is one import.
type job struct {
	ID      string            `json:"id"`
	Name    string            `json:"name"`   // of the file, for people
	Format  string            `json:"format"` // jsonl, csv, xlsx, docx, pdf or html
	Size    int64             `json:"size"`
	By      string            `json:"by"`
	At      time.Time         `json:"at"`
	Source  string            `json:"source,omitempty"` // who exported it: its columns are remembered under this name
	Note    string            `json:"note,omitempty"`
	State   jobState          `json:"state"`
	Error   string            `json:"error,omitempty"`
	Columns map[string]string `json:"columns,omitempty"` // headers and the fields that the editor gave them
	Sheets  []sheet.Mapping   `json:"sheets,omitempty"`
	Clear   bool              `json:"clear,omitempty"` // fields that the table has no columns for are emptied, not kept
	Policy  *policyJob        `json:"policy,omitempty"`

	Report   *store.FileReport `json:"report,omitempty"`
	Changes  []jobChange       `json:"changes,omitempty"` // the first of them
	More     int               `json:"more,omitempty"`    // changes that are not among them
	Warnings []string          `json:"warnings,omitempty"`
	Took     time.Duration     `json:"took,omitempty"`
}

// A jobChange is one record that an import would change.
type jobChange struct {
	Row     int                 `json:"row"`
	Key     string              `json:"key"`
	Title   string              `json:"title"`
	New     bool                `json:"new,omitempty"`
	Differs []fields.Difference `json:"differs,omitempty"`
}

// How much of an import its page shows.
const (
	maxJobChanges  = 100
	maxJobWarnings = 100
)

// Table reports whether the file has columns.
func (j *job) Table() bool { return j.Format == "csv" || j.Format == "xlsx" }

// Busy reports whether something runs.
func (j *job) Busy() bool { return j.State == jobChecking || j.State == jobSaving }

// A runs is the imports under way.
type runs struct {
	mu    sync.Mutex
	jobs  map[string]*running
	slots chan struct{} // how many run at once
	wait  sync.WaitGroup
}

type running struct {
	cancel context.CancelFunc
	done   atomic.Int64
}

// maxRuns is how many imports run at once.
const maxRuns = 2

func newRuns() *runs { return &runs{jobs: map[string]*running{}, slots: make(chan struct{}, maxRuns)} }

func (r *runs) get(id string) *running {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.jobs[id]
}

// imports lists the imports and takes a new file.
func (c *Console) imports(_ context.Context, f *fiber.Ctx, who staff.Session) error {
	jobs, err := c.jobs()
	if err != nil {
		return err
	}
	sources, err := c.Store.Docs(docMapping, "", 200)
	if err != nil {
		return err
	}
	view := importsPage{Can: canOf(who), MaxMB: maxUpload >> 20}
	slices.SortFunc(jobs, func(a, b *job) int { return b.At.Compare(a.At) })
	view.Jobs = jobs[:min(len(jobs), perPage)]
	for _, s := range sources {
		view.Sources = append(view.Sources, s.ID)
	}
	return c.staff.Render(f, who, http.StatusOK, "console-imports", "导入", view)
}

type importsPage struct {
	Jobs    []*job
	Sources []string
	Can     can
	MaxMB   int
}

func (c *Console) jobs() ([]*job, error) {
	var jobs []*job
	for after := ""; ; {
		docs, err := c.Store.Docs(docImport, after, 200)
		if err != nil {
			return nil, err
		}
		for _, d := range docs {
			j := new(job)
			if err := json.Unmarshal(d.Value, j); err != nil {
				return nil, fmt.Errorf("import %s: %w", d.ID, err)
			}
			jobs, after = append(jobs, j), d.ID
		}
		if len(docs) < 200 {
			return jobs, nil
		}
	}
}

// jobOf reads the import that a request names.
func (c *Console) jobOf(id string) (*job, error) {
	if len(id) != 24 || strings.Trim(id, "0123456789abcdef") != "" {
		return nil, problem(http.StatusNotFound, "没有这次导入。")
	}
	value, err := c.Store.Doc(docImport, id)
	if err != nil {
		return nil, err
	}
	if value == nil {
		return nil, problem(http.StatusNotFound, "没有这次导入。")
	}
	j := new(job)
	if err := json.Unmarshal(value, j); err != nil {
		return nil, fmt.Errorf("import %s: %w", id, err)
	}
	return j, nil
}

// changeJob changes an import if it is in one of the states.
func (c *Console) changeJob(ctx context.Context, actor, id string, states []jobState, change func(*job)) (*job, error) {
	var j *job
	err := c.Store.PutDoc(ctx, actor, docImport, id, func(old []byte) ([]byte, error) {
		if old == nil {
			return nil, problem(http.StatusNotFound, "没有这次导入。")
		}
		j = new(job)
		if err := json.Unmarshal(old, j); err != nil {
			return nil, fmt.Errorf("import %s: %w", id, err)
		}
		if !slices.Contains(states, j.State) {
			return nil, problem(http.StatusConflict, "这次导入现在是“%s”，不能这样做。", j.State.Label())
		}
		change(j)
		return json.Marshal(j)
	})
	return j, err
}

// path is where the file of an import lies. Its name is made here and never
// that of the upload.
func (c *Console) path(id string) string { return filepath.Join(c.Dir, id) }

// displayName is the name of an uploaded file as people may see it: its last
// part, without what does not show.
func displayName(name string) string {
	name = name[strings.LastIndexAny(name, "/\\")+1:]
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	if r := []rune(name); len(r) > 80 {
		name = string(r[len(r)-80:])
	}
	if strings.Trim(name, ". ") == "" {
		return "未命名"
	}
	return name
}

// upload takes a file and looks at how it can be understood.
func (c *Console) upload(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	header, err := f.FormFile("file")
	if err != nil || header.Size == 0 {
		return problem(http.StatusUnprocessableEntity, "请选择要导入的文件。")
	}
	if header.Size > maxUpload {
		return problem(http.StatusRequestEntityTooLarge, "文件有 %d MiB，最多 %d MiB。", header.Size>>20, maxUpload>>20)
	}
	src, err := header.Open()
	if err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(src, maxUpload+1))
	if err = errors.Join(err, src.Close()); err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	j := &job{ID: newJobID(), Name: displayName(header.Filename), Size: int64(len(data)), By: who.Name, At: c.Now().UTC(), State: jobLooked,
		Source: strings.TrimSpace(f.FormValue("source")), Note: strings.TrimSpace(f.FormValue("note"))}
	if r := []rune(j.Source); len(r) > 60 {
		return problem(http.StatusUnprocessableEntity, "来源最多 60 个字。")
	}
	if j.Columns, err = c.remembered(j.Source); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	if err := os.WriteFile(c.path(j.ID), data, 0o600); err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	if err := c.look(ctx, j, data); err != nil {
		return errors.Join(err, os.Remove(c.path(j.ID)))
	}
	value, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("import %s: %w", j.ID, err)
	}
	if err := c.Store.PutDoc(ctx, who.Name, docImport, j.ID, func([]byte) ([]byte, error) { return value, nil }); err != nil {
		return errors.Join(err, os.Remove(c.path(j.ID)))
	}
	return f.Redirect(jobPath(j.ID), http.StatusSeeOther)
}

func newJobID() string {
	var b [12]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

func jobPath(id string) string { return "/console/import/job?id=" + id }

// remembered are the columns that were last given to a source.
func (c *Console) remembered(source string) (map[string]string, error) {
	if source == "" {
		return nil, nil
	}
	value, err := c.Store.Doc(docMapping, source)
	if err != nil || value == nil {
		return nil, err
	}
	var columns map[string]string
	if err := json.Unmarshal(value, &columns); err != nil {
		return nil, fmt.Errorf("columns of %s: %w", source, err)
	}
	return columns, nil
}

// look finds out what a file is. What cannot be imported is a problem for its
// editor.
func (c *Console) look(ctx context.Context, j *job, data []byte) error {
	if kind := document.Detect(data); kind != "" {
		j.Format = string(kind)
		return c.lookPolicy(ctx, j, data)
	}
	return c.lookTable(j)
}

// lookTable reads the head of a table or of JSON Lines.
func (c *Console) lookTable(j *job) error {
	j.Sheets = nil
	rows, closer, err := sheet.Open(c.path(j.ID), "", sheet.Options{Columns: j.Columns, OnMapping: func(m sheet.Mapping) { j.Sheets = append(j.Sheets, m) }})
	if j.Format = "csv"; err == nil {
		for range rows {
			break // the head is known before the first row
		}
		err = closer.Close()
		if len(j.Sheets) == 0 {
			j.Format = "jsonl"
		}
	}
	if slices.ContainsFunc(j.Sheets, func(m sheet.Mapping) bool { return m.Sheet != "" }) {
		j.Format = "xlsx"
	}
	j.Error = ""
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sheet.ErrHeader) && len(j.Sheets) > 0: // the editor can say which column is which
		j.Error = strings.ReplaceAll(err.Error(), j.ID, j.Name)
		return nil
	}
	return problem(http.StatusUnprocessableEntity, "这个文件不能导入：%s", strings.ReplaceAll(err.Error(), j.ID, j.Name))
}

// jobView shows an import.
func (c *Console) jobView(_ context.Context, f *fiber.Ctx, who staff.Session) error {
	j, err := c.jobOf(f.Query("id"))
	if err != nil {
		return err
	}
	view := jobPage{Job: j, Can: canOf(who), Fields: columnFields(), Path: jobPath(j.ID)}
	if r := c.runs.get(j.ID); r != nil {
		view.Done = r.done.Load()
	}
	if j.Report != nil {
		view.Known = j.Report.Accepted + j.Report.Changed
	}
	return c.staff.Render(f, who, http.StatusOK, "console-import", "导入："+j.Name, view, "console.js")
}

type jobPage struct {
	Job    *job
	Can    can
	Fields []columnField
	Path   string
	Done   int64
	Known  int // records that would become drafts
}

// Field is the field that a column fills now.
func (p jobPage) Field(column sheet.Column) string {
	if f, ok := p.Job.Columns[column.Header]; ok {
		return f
	}
	return column.Field
}

// A columnField is a field that a column can be given.
type columnField struct{ Field, Label string }

// columnFields lists the fields of columns with the header by which each is
// best known.
func columnFields() []columnField {
	var list []columnField
	for _, f := range sheet.Fields() {
		list = append(list, columnField{f, sheet.Header(f)})
	}
	return list
}

// progress tells the page's script how far an import is.
func (c *Console) progress(_ context.Context, f *fiber.Ctx, _ staff.Session) error {
	j, err := c.jobOf(f.Query("id"))
	if err != nil {
		return err
	}
	reply := struct {
		Running bool     `json:"running"`
		Done    int64    `json:"done"`
		State   jobState `json:"state"`
	}{Running: j.Busy(), State: j.State}
	if r := c.runs.get(j.ID); r != nil {
		reply.Done = r.done.Load()
	}
	return f.JSON(reply)
}

// check remembers what the editor says of the columns, and starts a dry run.
func (c *Console) check(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	v, err := formValues(f)
	if err != nil {
		return err
	}
	j, err := c.jobOf(v.Get("id"))
	if err != nil {
		return err
	}
	idle := []jobState{jobLooked, jobChecked, jobFailed, jobCancelled}
	if j.Policy != nil {
		if err := j.Policy.read(v); err != nil {
			return err
		}
	}
	if j.Table() {
		if j.Columns == nil {
			j.Columns = map[string]string{}
		}
		known := sheet.Fields()
		headers, given := v["header"], v["field"]
		if len(headers) != len(given) {
			return problem(http.StatusUnprocessableEntity, "表单不完整，请刷新页面重试。")
		}
		for i, h := range headers {
			switch {
			case given[i] == "": // as it was understood
				delete(j.Columns, h)
			case given[i] == "-":
				j.Columns[h] = ""
			case slices.Contains(known, given[i]):
				j.Columns[h] = given[i]
			default:
				return problem(http.StatusUnprocessableEntity, "没有 %q 这个字段。", given[i])
			}
		}
		if err := c.lookTable(j); err != nil {
			return err
		}
		if err := c.remember(ctx, who.Name, j); err != nil {
			return err
		}
	}
	columns, sheets, policy, fault, empty := j.Columns, j.Sheets, j.Policy, j.Error, v.Get("absent") == "clear"
	if j, err = c.changeJob(ctx, who.Name, j.ID, idle, func(j *job) {
		j.Columns, j.Sheets, j.Policy, j.Error, j.Clear = columns, sheets, policy, fault, empty
		j.Report, j.Changes, j.More, j.Warnings = nil, nil, 0, nil
		if j.State = jobChecking; fault != "" {
			j.State = jobLooked
		}
	}); err != nil {
		return err
	}
	if j.State == jobChecking {
		c.start(j, true)
	}
	return f.Redirect(jobPath(j.ID), http.StatusSeeOther)
}

// remember keeps the columns for the next file of the source.
func (c *Console) remember(ctx context.Context, actor string, j *job) error {
	if j.Source == "" || len(j.Columns) == 0 {
		return nil
	}
	value, err := json.Marshal(j.Columns)
	if err != nil {
		return fmt.Errorf("columns of %s: %w", j.Source, err)
	}
	return c.Store.PutDoc(ctx, actor, docMapping, j.Source, func([]byte) ([]byte, error) { return value, nil })
}

// saveDrafts starts to make drafts of what the dry run has shown.
func (c *Console) saveDrafts(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	skip := f.FormValue("skip") != ""
	j, err := c.jobOf(f.FormValue("id"))
	if err != nil {
		return err
	}
	if j.Report != nil && j.Report.RejectedRows > 0 && !skip {
		return problem(http.StatusUnprocessableEntity, "有 %d 行被拒绝。请改好文件重新上传，或者选“跳过被拒绝的行”。", j.Report.RejectedRows)
	}
	if j, err = c.changeJob(ctx, who.Name, j.ID, []jobState{jobChecked}, func(j *job) { j.State, j.By = jobSaving, who.Name }); err != nil {
		return err
	}
	c.start(j, false)
	return f.Redirect(jobPath(j.ID), http.StatusSeeOther)
}

// cancel stops an import; nothing is left of it.
func (c *Console) cancelImport(_ context.Context, f *fiber.Ctx, _ staff.Session) error {
	j, err := c.jobOf(f.FormValue("id"))
	if err != nil {
		return err
	}
	if r := c.runs.get(j.ID); r != nil {
		r.cancel()
	}
	return f.Redirect(jobPath(j.ID), http.StatusSeeOther)
}

// undo takes back the drafts of an import that nobody has touched since.
func (c *Console) undo(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	j, err := c.changeJob(ctx, who.Name, f.FormValue("id"), []jobState{jobSaved}, func(j *job) { j.State = jobUndone })
	if err != nil {
		return err
	}
	if err := c.Store.DropBatch(ctx, who.Name, j.ID); err != nil {
		return refused(err)
	}
	return f.Redirect(jobPath(j.ID), http.StatusSeeOther)
}
