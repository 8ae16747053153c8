package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
)

// problem is an error that the editor can do something about.
func problem(status int, format string, args ...any) error {
	return api.NewProblem(status, fmt.Sprintf(format, args...))
}

// refused makes a problem of an error of the store that the editor must be
// told; others stay as they are.
func refused(err error) error {
	var fault *corpus.FieldError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrConflict):
		return problem(http.StatusConflict, "%s", err)
	case errors.Is(err, store.ErrOwnWork):
		return problem(http.StatusForbidden, "%s", err)
	case errors.Is(err, store.ErrState), errors.Is(err, store.ErrNoReason), errors.Is(err, store.ErrUnchanged), errors.Is(err, store.ErrTooMany),
		errors.Is(err, store.ErrGate), errors.As(err, &fault):
		return problem(http.StatusUnprocessableEntity, "%s", err)
	case errors.Is(err, corpus.ErrNotFound), errors.Is(err, store.ErrNoEdition):
		return problem(http.StatusNotFound, "没有这条记录或草稿：%s", err)
	}
	return err
}

// parseKey reads a key as pages write it: guide/CODE.
func parseKey(text string) (corpus.Key, error) {
	t, id, ok := strings.Cut(text, "/")
	k := corpus.Key{Type: corpus.Type(t), ID: id}
	if !ok || id == "" || !slices.Contains(corpus.Types, k.Type) {
		return k, problem(http.StatusNotFound, "没有这条记录：%s", text)
	}
	return k, nil
}

// keyOf is the record that a request is about.
func keyOf(f *fiber.Ctx) (corpus.Key, error) { return parseKey(f.Query("key", f.FormValue("key"))) }

// typeOf is the type of records that a request is about.
func typeOf(f *fiber.Ctx) (corpus.Type, error) {
	t := corpus.Type(f.Query("type", f.FormValue("type")))
	if !slices.Contains(corpus.Types, t) {
		return t, problem(http.StatusNotFound, "没有这一类记录：%s", t)
	}
	return t, nil
}

// formValues are the values of a form, plain or with files.
func formValues(f *fiber.Ctx) (url.Values, error) {
	v := url.Values{}
	if strings.HasPrefix(f.Get(fiber.HeaderContentType), fiber.MIMEMultipartForm) {
		form, err := f.MultipartForm()
		if err != nil {
			return nil, problem(http.StatusBadRequest, "表单没有传完整，请重试。")
		}
		for k, list := range form.Value {
			for _, s := range list {
				v.Add(k, strings.ToValidUTF8(s, ""))
			}
		}
		return v, nil
	}
	for k, value := range f.Request().PostArgs().All() {
		v.Add(strings.ToValidUTF8(string(k), ""), strings.ToValidUTF8(string(value), ""))
	}
	return v, nil
}

// A ref is written into forms as guide/CODE@3.
func refText(r store.DraftRef) string { return fmt.Sprintf("%s@%d", r.Key, r.Version) }

// refsOf are the drafts that a form names.
func refsOf(v url.Values) ([]store.DraftRef, error) {
	var refs []store.DraftRef
	for _, text := range v["ref"] {
		at := strings.LastIndex(text, "@")
		if at < 0 {
			return nil, problem(http.StatusUnprocessableEntity, "草稿 %q 写得不对，请刷新页面重试。", text)
		}
		k, err := parseKey(text[:at])
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseUint(text[at+1:], 10, 64)
		if err != nil {
			return nil, problem(http.StatusUnprocessableEntity, "草稿 %q 写得不对，请刷新页面重试。", text)
		}
		refs = append(refs, store.DraftRef{Key: k, Version: n})
	}
	if len(refs) == 0 {
		return nil, problem(http.StatusUnprocessableEntity, "没有选中任何草稿。")
	}
	return refs, nil
}

// recordPath is the address of a record's page.
func recordPath(k corpus.Key) string {
	return "/console/record?" + url.Values{"key": {k.String()}}.Encode()
}

// back leads to where a form says that it comes from, within the console.
func back(f *fiber.Ctx, v url.Values, otherwise string) error {
	to := v.Get("back")
	if u, err := url.Parse(to); err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(to, "/console") || strings.ContainsAny(to, "\\\n\r") {
		to = otherwise
	}
	return f.Redirect(to, http.StatusSeeOther)
}

// can reports what the page may offer to who.
type can struct{ Edit, Review, Publish bool }

func canOf(who staff.Session) can {
	return can{who.Has(editors...), who.Has(reviewers...), who.Has(publishers...)}
}
