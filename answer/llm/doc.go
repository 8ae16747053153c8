// Package llm speaks to models behind OpenAI-compatible endpoints: one's own
// first (vLLM, Ollama, Xinference …), because government data stays at home.
// Everything here is optional. What a model says may change words and order,
// never facts, and whoever calls goes on without it when it fails.
package llm
