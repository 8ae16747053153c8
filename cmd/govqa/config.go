package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"reflect"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// A config is what a server can be told, from a TOML file, then from the
// environment (GOVQA_ and the key in capitals), then from flags.
type config struct {
	Addr           string   `toml:"addr"`            // address to listen on; "" means 127.0.0.1:8080
	Title          string   `toml:"title"`           // name of the service on the pages; "" means the built-in one
	Hotline        string   `toml:"hotline"`         // number to fall back on; "" means 12345
	GuardDir       string   `toml:"guard_dir"`       // folder of a city's own guard files; "" means the built-in ones alone
	AskTimeout     duration `toml:"ask_timeout"`     // the longest that one request may take, as 5s; 0 means 5s
	MaxAsks        int      `toml:"max_asks"`        // questions answered at once; 0 means 4 for each processor
	MaxStreams     int      `toml:"max_streams"`     // event streams at once; 0 means 500
	AsksPerMinute  int      `toml:"asks_per_minute"` // questions a minute from one address; 0 means 60, and no limit for this machine itself; negative no limit
	TrustedProxies []string `toml:"trusted_proxies"` // addresses or networks whose X-Forwarded-For is believed
	AllowedOrigins []string `toml:"allowed_origins"` // web origins that may call the API; none means none
	AllowedFrames  []string `toml:"allowed_frames"`  // web origins that may show the pages in a frame (the widget); none means none
	NeedKey        []string `toml:"need_key"`        // interfaces that answer only to an API key: openai, mcp; none means none
	MetricsPublic  bool     `toml:"metrics_public"`  // let others than this machine read /metrics
	CallDays       int      `toml:"call_days"`       // how many days closed calls of the desk are kept; 0 means 180, negative for ever
	EventDays      int      `toml:"event_days"`      // how many days what people did is kept; 0 means three years, negative for ever
	LogFormat      string   `toml:"log_format"`      // text or json; "" means text
	PublicURL      string   `toml:"public_url"`      // address under which citizens and staff reach the pages, for links; "" writes none in messages

	SessionIdle  duration `toml:"session_idle"`  // a login of staff ends after so long without a request; 0 means 30m
	SessionMost  duration `toml:"session_most"`  // and after so long in any case; 0 means 12h
	SecondFactor []string `toml:"second_factor"` // roles that need a second factor; none written means admin and publisher, "none" none

	// Where else staff can log in; see docs/staff.md.
	OIDCIssuer     string   `toml:"oidc_issuer"`      // address of an OpenID provider; "" means local accounts alone
	OIDCClient     string   `toml:"oidc_client"`      // how it knows this service
	OIDCSecretFile string   `toml:"oidc_secret_file"` // file that holds the client's secret; "" means GOVQA_OIDC_SECRET, or none
	OIDCName       string   `toml:"oidc_name"`        // of the provider, on the button; "" means 统一身份认证
	OIDCScopes     []string `toml:"oidc_scopes"`      // asked for besides openid and profile
	OIDCClaim      string   `toml:"oidc_claim"`       // that lists the groups; "" means groups
	OIDCRoles      []string `toml:"oidc_roles"`       // group=role, one role an entry

	WeChatAppID  string `toml:"wechat_app_id"`  // of the official account; "" takes no callbacks
	WeChatToken  string `toml:"wechat_token"`   // that signs its callbacks
	WeChatAESKey string `toml:"wechat_aes_key"` // that encrypts them; "" takes plain ones
	WeChatSecret string `toml:"wechat_secret"`  // that sends late answers and sets the menu; "" leaves late answers to the platform's next try
	WeChatRegion string `toml:"wechat_region"`  // of who does not say where; "" is none
	WeChatAPI    string `toml:"wechat_api"`     // address of the platform or of a gateway to it; "" is the platform's own

	WeComCorpID  string `toml:"wecom_corp_id"`  // of the corporation; "" takes no callbacks
	WeComAgentID int    `toml:"wecom_agent_id"` // of the application
	WeComToken   string `toml:"wecom_token"`    // as of WeChat
	WeComAESKey  string `toml:"wecom_aes_key"`  // always needed
	WeComSecret  string `toml:"wecom_secret"`   // as of WeChat
	WeComRegion  string `toml:"wecom_region"`   // as of WeChat
	WeComAPI     string `toml:"wecom_api"`      // as of WeChat

	WebhookHosts    []string `toml:"webhook_hosts"`    // hosts, or .example.cn for all below, that events may be sent to; none means any public one
	WebhookNetworks []string `toml:"webhook_networks"` // private addresses or networks that events may be sent to, also over plain HTTP; none means none

	// Vectors and reranking; see docs/hybrid.md.
	EmbedURL            string   `toml:"embed_url"`             // of an OpenAI-compatible server, with its /v1; "" means no vectors
	EmbedModel          string   `toml:"embed_model"`           // as the server knows it
	EmbedKeyFile        string   `toml:"embed_key_file"`        // file that holds the key; "" means GOVQA_EMBED_KEY, or no key
	EmbedDimensions     int      `toml:"embed_dimensions"`      // asked for; 0 takes what the model gives
	EmbedQuestionPrefix string   `toml:"embed_question_prefix"` // put before a question, for models that want it
	EmbedDocumentPrefix string   `toml:"embed_document_prefix"` // put before a text of the corpus
	EmbedBatch          int      `toml:"embed_batch"`           // texts sent at once; 0 means 32
	EmbedTimeout        duration `toml:"embed_timeout"`         // the longest that a question waits for its vector; 0 means 300ms
	EmbedPrice          float64  `toml:"embed_price"`           // yuan for a million tokens
	RerankURL           string   `toml:"rerank_url"`            // of a server with /rerank, with its /v1; "" means none
	RerankModel         string   `toml:"rerank_model"`          // as the server knows it
	RerankKeyFile       string   `toml:"rerank_key_file"`       // file that holds the key; "" means GOVQA_RERANK_KEY, or no key
	RerankTimeout       duration `toml:"rerank_timeout"`        // the longest that a question waits for it; 0 means 500ms
	RerankPrice         float64  `toml:"rerank_price"`          // yuan for a million tokens
	// The language model; see package llm for what 0 means.
	ModelURL          string   `toml:"model_url"`           // of an OpenAI-compatible server, with its /v1; "" means no model
	ModelName         string   `toml:"model_name"`          // as the server knows it
	ModelKeyFile      string   `toml:"model_key_file"`      // file that holds the key; "" means GOVQA_MODEL_KEY, or no key
	ModelTitle        string   `toml:"model_title"`         // as citizens see it; "" means model_name
	ModelFiling       string   `toml:"model_filing"`        // 备案号, as citizens see it
	ModelProducer     string   `toml:"model_producer"`      // who runs the service, for the mark of generated text
	ModelFormat       string   `toml:"model_format"`        // how structured output is asked for: schema, object or prompt
	ModelTimeout      duration `toml:"model_timeout"`       // the longest that one answer may take
	ModelFirst        duration `toml:"model_first"`         // … until the first piece
	ModelGap          duration `toml:"model_gap"`           // … between two pieces
	ModelRestate      duration `toml:"model_restate"`       // … for a follow-up
	ModelMaxTokens    int      `toml:"model_max_tokens"`    // written for one answer
	ModelHourTokens   int      `toml:"model_hour_tokens"`   // in one hour; 0 means no limit
	ModelTenantTokens int      `toml:"model_tenant_tokens"` // … of one API key; 0 means no limit
	ModelAnswerYuan   float64  `toml:"model_answer_yuan"`   // cost of one answer; 0 means no limit
	ModelHourYuan     float64  `toml:"model_hour_yuan"`     // … of one hour; 0 means no limit
	ModelPriceIn      float64  `toml:"model_price_in"`      // yuan for a million tokens read
	ModelPriceOut     float64  `toml:"model_price_out"`     // … written
	ModelCalls        int      `toml:"model_calls"`         // at once
}

// A duration is a time.Duration written as 5s or 1m30s.
type duration time.Duration

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("%q 不是时长，应形如 5s", b)
	}
	*d = duration(v)
	return nil
}

// defaultAddr lets in only this machine.
const defaultAddr = "127.0.0.1:8080"

var errConfig = errors.New("配置无效")

// loadConfig reads the file, if one is named, and the environment.
func loadConfig(path string, lookup func(string) (string, bool)) (config, error) {
	cfg := config{Addr: defaultAddr}
	if path != "" {
		b, err := os.ReadFile(path)
		if err != nil {
			return cfg, fmt.Errorf("%w：%w", errConfig, err)
		}
		meta, err := toml.NewDecoder(bytes.NewReader(b)).Decode(&cfg)
		if err != nil {
			return cfg, fmt.Errorf("%w：%s：%w", errConfig, path, err)
		}
		if unknown := meta.Undecoded(); len(unknown) > 0 {
			return cfg, fmt.Errorf("%w：%s：不认识的配置项 %v", errConfig, path, unknown)
		}
	}
	err := cfg.readEnv(lookup)
	if err == nil && !slices.Contains([]string{"", logText, logJSON}, cfg.LogFormat) {
		err = fmt.Errorf("%w：log_format：%q 应为 %s 或 %s", errConfig, cfg.LogFormat, logText, logJSON)
	}
	cfg.Addr = cmp.Or(cfg.Addr, defaultAddr) // "" would be every interface and any port
	return cfg, err
}

// readEnv sets every field that has a variable in the environment.
func (cfg *config) readEnv(lookup func(string) (string, bool)) error {
	v := reflect.ValueOf(cfg).Elem()
	var errs []error
	for i := range v.NumField() {
		name := "GOVQA_" + strings.ToUpper(v.Type().Field(i).Tag.Get("toml"))
		text, ok := lookup(name)
		if !ok {
			continue
		}
		if err := setField(v.Field(i), text); err != nil {
			errs = append(errs, fmt.Errorf("%w：环境变量 %s：%w", errConfig, name, err))
		}
	}
	return errors.Join(errs...)
}

func setField(f reflect.Value, text string) error {
	switch p := f.Addr().Interface().(type) {
	case *string:
		*p = text
	case *duration:
		return p.UnmarshalText([]byte(text))
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q 不是整数", text)
		}
		*p = n
	case *float64:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("%q 不是数", text)
		}
		*p = n
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q 不是 true 或 false", text)
		}
		*p = b
	case *[]string:
		*p = strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
	}
	return nil
}

// logHandler writes the log in the configured form.
func (cfg config) logHandler(w io.Writer) slog.Handler {
	if cfg.LogFormat == logJSON {
		return slog.NewJSONHandler(w, nil)
	}
	return slog.NewTextHandler(w, nil)
}

// The forms of the log.
const (
	logText = "text"
	logJSON = "json"
)

// version is the program's version: of the module, or of the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "dev"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return s.Value[:12]
		}
	}
	return "dev"
}
