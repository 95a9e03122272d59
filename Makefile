# neap: build, check and install. `make help` lists the targets.

# Settings, for example `make CC=clang CFLAGS=-O3`.
VERSION = 0.1.0
CC      = cc
CFLAGS  = -O2 -g
LDFLAGS =
PREFIX  = /usr/local
DESTDIR =
BUILD   = build
# What `make test`, `make asan` and `make run` take.
SPEC    = spec
RUN     = examples/tour.lua
# `make Q=` shows the commands.
Q       = @

# Nothing below needs a change.
LUA_PC := $(shell for p in lua5.4 lua-5.4 lua54 lua; do \
  pkg-config --exists "$$p >= 5.4" "$$p < 5.5" && echo $$p && break; \
  done 2>/dev/null)
PKG_CFLAGS := $(shell pkg-config --cflags $(LUA_PC) libuv 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(LUA_PC) libuv 2>/dev/null)
UV_LIBS    := $(shell pkg-config --libs libuv 2>/dev/null)
LUA := $(shell command -v lua5.4 || command -v lua54 || echo lua)

WARNINGS   = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
C_FLAGS    = -std=c11 -D_GNU_SOURCE -DNP_VERSION='"$(VERSION)"' $(WARNINGS) \
             -DNP_MODULES='"$(PREFIX)/lib/lua/5.4/neap"' -fPIC -fno-plt \
             -fno-semantic-interposition -Isrc $(PKG_CFLAGS) $(CFLAGS) $(CPPFLAGS)
LIBS       = $(PKG_LIBS) -lm -lpthread
CLANG_FORMAT = $(or $(shell command -v clang-format-14 2>/dev/null),clang-format)

include src/proto/build.mk
LIB_SRC  := $(wildcard $(addprefix src/,$(addsuffix /*.c,\
              base core io thread api)))
LUA_SRC  := $(filter-out $(LUA_LEFT_OUT),\
              $(shell find lua -name '*.lua' | LC_ALL=C sort))
LUA_DIRS := $(shell find lua -type d)
C_FILES  := $(shell find src -name '*.[ch]' | LC_ALL=C sort)
LIB_OBJ  := $(LIB_SRC:src/%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/lua_sources.o
MAIN_OBJ := $(BUILD)/obj/main.o \
            $(patsubst src/%.c,$(BUILD)/obj/%.o,$(wildcard src/cmd/*.c))
EMBED    := $(patsubst spec/%.c,$(BUILD)/%,$(wildcard spec/embed/*.c))
EXAMPLES := $(patsubst %.c,$(BUILD)/%,$(wildcard examples/*.c))
BENCHES  := $(patsubst %.c,$(BUILD)/%,$(filter-out $(if $(filter 1,$(TLS)),,%tls.c %tls_echo.c),\
              $(wildcard bench/l*.c bench/limits/*.c)))

PRODUCTS := $(BUILD)/neap $(BUILD)/neap.so $(BUILD)/libneap.a \
            $(BUILD)/libneap.so $(BUILD)/neap.pc $(PROTO_SO)
AGAIN    = $(MAKE) -s --no-print-directory
.DEFAULT_GOAL := all

all: $(PRODUCTS) ## build the command, the Lua module and the C library

run: ## install what is missing, build, and run the tour (RUN=script.lua)
	@.ci/deps build
	+@$(AGAIN) $(BUILD)/neap proto
	@$(BUILD)/neap $(RUN)

test: ## install what is missing, build, and run the specs (SPEC=spec/sync)
	@.ci/deps build test
	+@$(AGAIN) specs-ready
	@.ci/spec $(BUILD) $(SPEC)

SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all
asan: ## the same with ASan, UBSan and the leak check
	@.ci/deps build test
	+@$(AGAIN) $(BUILD)/neap.so proto
	+@$(AGAIN) specs-ready BUILD=$(BUILD)/asan LDFLAGS="$(SANITIZE)" \
	  CFLAGS="-O1 -g -fno-omit-frame-pointer $(SANITIZE)"
	@SPEC_TIMEOUT=$${SPEC_TIMEOUT:-2700} .ci/spec $(BUILD)/asan $(SPEC)

lint: ## luacheck, layers, globals, long files, formatting
	@.ci/deps build lint
	@CLANG_FORMAT="$(CLANG_FORMAT)" LUA="$(LUA)" .ci/lint

fmt: ## format the C sources
	$(Q)$(CLANG_FORMAT) -i $(C_FILES)

examples: all $(EXAMPLES) ## build the embedding examples

bench: all $(BENCHES) ## measure speed (BENCH=name for one of them)
	$(Q)$(BUILD)/neap bench/run.lua $(BENCH)

bench-peers: ## install other systems that `make bench` compares with (apt)
	@.ci/deps peers

bench-count: all $(BENCHES) ## count instructions per operation, against the limits
	@.ci/deps bench
	$(Q)$(BUILD)/neap bench/count.lua $(BENCH)

docs: ## write the reference, doc/reference, from the definitions in doc/types
	$(Q)$(LUA) doc/generate.lua
	$(Q)$(BUILD)/neap doc/session.lua examples/tour.lua > $(BUILD)/session.svg
	$(Q)mv $(BUILD)/session.svg doc/session.svg

deps: ## install what building, testing and lint need (apt)
	@.ci/deps build test lint

clean: ## remove what was built
	rm -rf $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile src/api/install.mk | \
	  expand -t 14

specs-ready: all $(EMBED) $(EXAMPLES)
	@ln -sfn ../lua $(BUILD)/embed/lua
proto: $(PROTO_SO)

$(BUILD)/neap: $(MAIN_OBJ) $(BUILD)/libneap.a
	$(Q)$(CC) -rdynamic $(LDFLAGS) -o $@ $^ $(LIBS)

# Loaded by an interpreter that has the symbols of Lua.
$(BUILD)/neap.so: $(LIB_OBJ)
	$(Q)$(CC) -shared $(LDFLAGS) -o $@ $^ $(UV_LIBS) -lm -lpthread

$(BUILD)/libneap.so: $(LIB_OBJ)
	$(Q)$(CC) -shared -Wl,-soname,libneap.so.0 $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/libneap.a: $(LIB_OBJ)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/obj/%.o: src/%.c Makefile
	$(if $(PKG_LIBS),,$(error Lua 5.4 or libuv is missing: try "make deps"))
	@mkdir -p $(@D) && echo "  cc $<"
	$(Q)$(CC) $(C_FLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/lua_sources.o: $(BUILD)/lua_sources.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(C_FLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/lua_sources.c: src/embed.lua $(LUA_SRC) $(LUA_DIRS)
	@mkdir -p $(@D)
	$(Q)$(LUA) src/embed.lua $@ $(LUA_SRC)

# Programs in C: those that the specs run, the examples, the benchmarks.
BUILD_PROGRAM = mkdir -p $(@D) && $(CC) -rdynamic $(C_FLAGS) $(LDFLAGS) -o $@ \
                $(filter-out %.h,$^) $(LIBS)
$(EMBED): $(BUILD)/%: spec/%.c $(BUILD)/libneap.a src/neap.h spec/embed/check.h
	$(Q)$(BUILD_PROGRAM)
$(filter %tls %tls_echo,$(BENCHES)): LIBS += $(libs_tls)
$(EXAMPLES) $(BENCHES): $(BUILD)/%: %.c $(BUILD)/libneap.a src/neap.h
	$(Q)$(BUILD_PROGRAM)

include src/api/install.mk
-include $(patsubst %.o,%.d,$(LIB_OBJ) $(MAIN_OBJ))
.DELETE_ON_ERROR:
.PHONY: all run test asan lint fmt examples bench bench-count docs deps install \
  uninstall clean help specs-ready proto
