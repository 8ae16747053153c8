package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/guard"
	"github.com/govqa/govqa/answer/llm"
	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/api/wording"
	"github.com/govqa/govqa/corpus/store"
)

// modelKeyVariable is the environment variable that holds the model's key,
// where no file does.
const modelKeyVariable = "GOVQA_MODEL_KEY"

// newModel makes the client of the language model, or nil if none is
// configured.
func newModel(cfg *config, g *guard.Guard, log *slog.Logger, lookup func(string) (string, bool)) (*llm.Client, error) {
	if cfg.ModelURL == "" {
		return nil, nil
	}
	key, err := endpointKey("model_key_file", cfg.ModelKeyFile, modelKeyVariable, lookup)
	if err != nil {
		return nil, err
	}
	c, err := llm.New(llm.Config{
		URL: cfg.ModelURL, Model: cfg.ModelName, Key: key, Title: cfg.ModelTitle, Filing: cfg.ModelFiling, Producer: cfg.ModelProducer,
		Answer: time.Duration(cfg.ModelTimeout), First: time.Duration(cfg.ModelFirst), Gap: time.Duration(cfg.ModelGap),
		Restate:   time.Duration(cfg.ModelRestate),
		MaxTokens: cfg.ModelMaxTokens, HourTokens: cfg.ModelHourTokens, TenantTokens: cfg.ModelTenantTokens,
		AnswerYuan: cfg.ModelAnswerYuan, HourYuan: cfg.ModelHourYuan, PriceIn: cfg.ModelPriceIn, PriceOut: cfg.ModelPriceOut,
		Calls: cfg.ModelCalls, Format: llm.Format(cfg.ModelFormat), Guard: g, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("%w：model_*：%w", errConfig, err)
	}
	return c, nil
}

// modelName is what pages call the model: its name and filing number.
func modelName(cfg *config) string {
	if cfg.ModelURL == "" {
		return ""
	}
	name := cfg.ModelTitle
	if name == "" {
		name = cfg.ModelName
	}
	if cfg.ModelFiling != "" {
		name += "，备案号：" + cfg.ModelFiling
	}
	return name
}

// modelFigures are the model's figures for /metrics.
func (a *app) modelFigures() []prometheus.Collector {
	if a.model == nil {
		return nil
	}
	return []prometheus.Collector{a.model}
}

// reworder is the engine, where a model is configured.
func (a *app) reworder() api.Reworder {
	if a.model == nil {
		return nil
	}
	return a.engine
}

// refines reports whether chat clients are offered a model that rewords.
func (a *app) refines() func() bool {
	if a.model == nil {
		return nil
	}
	return func() bool { return a.model.On(answer.ChannelCompat) }
}

// switchModel turns the switches for another command.
func (ctl *control) switchModel(w http.ResponseWriter, r *http.Request) {
	var job wording.Job
	if err := json.NewDecoder(r.Body).Decode(&job); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	status, err := ctl.app.wording.Do(r.Context(), job)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(status); err != nil {
		ctl.app.log.Error("control: switches not sent", "err", err)
	}
}

// modelOn, modelOff and modelShow are the commands.
func modelOn(ctx context.Context, c *call) error   { on := true; return runModel(ctx, c, &on) }
func modelOff(ctx context.Context, c *call) error  { on := false; return runModel(ctx, c, &on) }
func modelShow(ctx context.Context, c *call) error { return runModel(ctx, c, nil) }

// runModel turns the switches of the server that has the folder, or of the
// folder itself for the next start.
func runModel(ctx context.Context, c *call, on *bool) error {
	if len(c.args) > 1 || on == nil && len(c.args) > 0 {
		return errUsage
	}
	job := wording.Job{Actor: store.ByCommand, On: on}
	if len(c.args) == 1 {
		job.Channel = answer.Channel(c.args[0])
	}
	var status wording.Status
	served, err := viaControl(ctx, c.data, "/model", job, &status)
	if err == nil && !served {
		status, err = turnHere(ctx, c, job)
	}
	if err != nil {
		return err
	}
	if c.values.json {
		return printJSON(c.out, status)
	}
	switch {
	case status.AIGC != nil:
		fmt.Fprintf(c.out, "模型：%s  备案号：%s\n", status.AIGC.Model, status.AIGC.Filing)
	case served:
		fmt.Fprintln(c.out, "运行中的服务没有配置语言模型")
	default:
		fmt.Fprintln(c.out, "服务没有运行；下面的开关在下次启动时生效")
	}
	for _, ch := range status.Channels {
		state := "关"
		if ch.On {
			state = "开"
		}
		fmt.Fprintf(c.out, "  %-8s %s\n", ch.Channel, state)
	}
	return nil
}

// turnHere turns the switches of a folder that no server has.
func turnHere(ctx context.Context, c *call, job wording.Job) (status wording.Status, err error) {
	s, err := openStore(c.data, logTo(c.err))
	if err != nil {
		return status, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	w, err := wording.NewSwitch(s, nil)
	if err != nil {
		return status, err
	}
	return w.Do(ctx, job)
}
