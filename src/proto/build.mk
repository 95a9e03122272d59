# What neap has through other libraries. Each is a Lua C module of its own,
# opened when first used, so that a script pays only for what it needs:
# src/proto/NAME.c and NAME_*.c become lua/5.4/neap/NAME.so. They use the np_
# functions of the host that opens them. `make TLS=0 HTTP=0 EDIT=0` leaves them out;
# without these, a feature is in the build when its libraries are there.
found     = $(shell pkg-config --exists $(1) 2>/dev/null && echo 1)
header    = $(shell for d in /usr/include /usr/local/include; do \
              [ -e $$d/$(1) ] && echo 1 && break; done)
LLHTTP   := $(or $(call found,libllhttp),$(call header,llhttp.h))
PARSER   := $(if $(LLHTTP),llhttp,http_parser)
HAVE_PARSER := $(or $(LLHTTP),$(call header,http_parser.h))
TLS      ?= $(call found,openssl)
HTTP     ?= $(and $(HAVE_PARSER),$(call header,wslay/wslay.h),$(call found,zlib libcurl openssl))
EDIT     ?= $(call header,histedit.h)

libs_tls     = $(shell pkg-config --libs openssl)
libs_http1   = -l$(PARSER)
libs_ws      = -lwslay
libs_deflate = $(shell pkg-config --libs zlib)
libs_edit    = -ledit
libs_curl    = $(shell pkg-config --libs libcurl openssl)
cflags_http1 = $(if $(filter llhttp,$(PARSER)),-DNP_LLHTTP)

PROTO_NAMES := $(if $(filter 1,$(TLS)),tls) \
               $(if $(filter 1,$(HTTP)),http1 ws deflate curl) \
               $(if $(filter 1,$(EDIT)),edit)
proto_src    = $(wildcard src/proto/$(1).c src/proto/$(1)_*.c)
# Only those that there is something of.
PROTO       := $(foreach n,$(PROTO_NAMES),$(if $(call proto_src,$(n)),$(n)))
PROTO_DIR   := $(BUILD)/lua/5.4/neap
PROTO_SO    := $(PROTO:%=$(PROTO_DIR)/%.so)
PROTO_OBJ   := $(foreach n,$(PROTO),$(patsubst src/%.c,$(BUILD)/obj/%.o,$(call proto_src,$(n))))
# The Lua files of what is left out are left out too.
LUA_LEFT_OUT := $(if $(filter 1,$(TLS)),,lua/neap/tls.lua) \
                $(if $(filter 1,$(HTTP)),,lua/neap/http.lua lua/neap/http/% lua/neap/websocket/%)

define proto_rule
$(PROTO_DIR)/$(1).so: $(patsubst src/%.c,$(BUILD)/obj/%.o,$(call proto_src,$(1)))
	@mkdir -p $$(@D)
	$$(Q)$$(CC) -shared $$(LDFLAGS) -o $$@ $$^ $(libs_$(1))
$(patsubst src/%.c,$(BUILD)/obj/%.o,$(call proto_src,$(1))): C_FLAGS += $(cflags_$(1))
endef
$(foreach n,$(PROTO),$(eval $(call proto_rule,$(n))))

-include $(PROTO_OBJ:.o=.d)

$(BUILD)/bench/limits/curl_get: LIBS += $(libs_curl)
