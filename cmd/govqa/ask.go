package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/eval"
	"github.com/govqa/govqa/corpus"
)

// ask answers one question on the command line.
func ask(ctx context.Context, c *call) error {
	if len(c.args) == 0 {
		return errUsage
	}
	a, err := openApp(ctx, c.data, true, logTo(c.err), c.err)
	if err != nil {
		return err
	}
	err = askApp(ctx, c, a)
	return errors.Join(err, a.close())
}

func askApp(ctx context.Context, c *call, a *app) error {
	got, err := a.engine.Ask(ctx, answer.Request{Text: strings.Join(c.args, " ")})
	if errors.Is(err, answer.ErrBadQuestion) {
		return fmt.Errorf("问题应为 1 至 %d 个字", answer.MaxText)
	}
	if err != nil {
		return err
	}
	if c.values.json {
		return printJSON(c.out, got)
	}
	fmt.Fprintln(c.out, got.Text)
	var sources []answer.FactSource
	for _, f := range got.Facts {
		if f.Source.URL != "" && !slices.Contains(sources, f.Source) {
			sources = append(sources, f.Source)
			fmt.Fprintf(c.out, "来源：%s（%s 更新）\n", f.Source.URL, f.Source.Updated)
		}
	}
	if slices.Contains(got.Notices, answer.NoticeSample) {
		fmt.Fprintln(c.out, "（内置示例数据：地点、电话、承诺时限均为虚构）")
	}
	return nil
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// evalRetrieval measures retrieval on a BEIR folder.
func evalRetrieval(ctx context.Context, c *call) (err error) {
	if len(c.args) != 1 {
		return errUsage
	}
	l := <-loadSegmenter()
	if l.err != nil {
		return l.err
	}
	defer l.seg.Close()
	var out io.Writer
	if c.values.run != "" {
		f, err := os.Create(c.values.run)
		if err != nil {
			return err
		}
		w := bufio.NewWriter(f)
		defer func() { err = errors.Join(err, w.Flush(), f.Close()) }()
		out = w
	}
	report, err := eval.Retrieval(ctx, c.args[0], l.seg, l.lex, out, counter(c.err, "建立索引"))
	if err != nil {
		return err
	}
	if c.values.json {
		return printJSON(c.out, report)
	}
	_, err = fmt.Fprintln(c.out, report)
	return err
}

// evalQuestions measures whole answers on judged questions.
func evalQuestions(ctx context.Context, c *call) error {
	if len(c.args) != 1 {
		return errUsage
	}
	a, err := openApp(ctx, c.data, true, logTo(c.err), c.err)
	if err != nil {
		return err
	}
	if err := withSemantics(ctx, c, a); err != nil {
		return errors.Join(err, a.close())
	}
	themes := func(code string) []corpus.Theme {
		g, err := a.engine.Guide(ctx, code)
		if err != nil { // judged, but not in this corpus: the figures show it
			return nil
		}
		return g.Themes
	}
	report, err := eval.Questions(ctx, c.args[0], a.engine, themes)
	if err := errors.Join(err, a.close()); err != nil {
		return err
	}
	switch {
	case c.values.json:
		return printJSON(c.out, report)
	case c.values.table:
		_, err = fmt.Fprint(c.out, report.Table())
	default:
		_, err = fmt.Fprint(c.out, report)
	}
	return err
}

// evalFit fits the weights of the second stage on judged questions.
func evalFit(ctx context.Context, c *call) (err error) {
	if len(c.args) == 0 {
		return errUsage
	}
	if c.values.untitled {
		return evalFitUntitled(ctx, c)
	}
	var dirs []string
	var finders []eval.Finder
	var weighers []eval.Weigher
	opened := map[string]*app{}
	defer func() {
		for _, a := range opened {
			err = errors.Join(err, a.close())
		}
	}()
	for _, arg := range c.args {
		data, dir, named := strings.Cut(arg, "=")
		if !named {
			data, dir = c.data, arg
		}
		a := opened[data]
		if a == nil {
			if a, err = openApp(ctx, data, true, logTo(c.err), c.err); err != nil {
				return err
			}
			opened[data] = a
		}
		dirs, finders, weighers = append(dirs, dir), append(finders, a.engine), append(weighers, a.engine)
	}
	report, err := eval.Fit(ctx, dirs, finders, c.values.penalty, c.values.ablate)
	if err != nil {
		return err
	}
	verdict, err := eval.FitVerdict(ctx, dirs, weighers)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(c.out, report, verdict)
	return err
}

// evalFitUntitled fits the weights for untitled texts on BEIR folders.
func evalFitUntitled(ctx context.Context, c *call) error {
	l := <-loadSegmenter()
	if l.err != nil {
		return l.err
	}
	defer l.seg.Close()
	report, err := eval.FitRetrieval(ctx, c.args, l.seg, l.lex, c.values.penalty)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(c.out, report)
	return err
}
