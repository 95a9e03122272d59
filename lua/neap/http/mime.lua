--- The media types of files by the ends of their names.
local mime = {}

local UTF8 = "; charset=utf-8"

local types = {
  css = "text/css" .. UTF8,
  csv = "text/csv" .. UTF8,
  htm = "text/html" .. UTF8,
  html = "text/html" .. UTF8,
  ics = "text/calendar" .. UTF8,
  js = "text/javascript" .. UTF8,
  lua = "text/plain" .. UTF8,
  md = "text/markdown" .. UTF8,
  mjs = "text/javascript" .. UTF8,
  txt = "text/plain" .. UTF8,
  vtt = "text/vtt" .. UTF8,
  xml = "application/xml",
  atom = "application/atom+xml",
  rss = "application/rss+xml",
  bin = "application/octet-stream",
  bz2 = "application/x-bzip2",
  doc = "application/msword",
  docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  epub = "application/epub+zip",
  gz = "application/gzip",
  jar = "application/java-archive",
  json = "application/json",
  map = "application/json",
  odt = "application/vnd.oasis.opendocument.text",
  pdf = "application/pdf",
  rtf = "application/rtf",
  tar = "application/x-tar",
  wasm = "application/wasm",
  webmanifest = "application/manifest+json",
  xls = "application/vnd.ms-excel",
  xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  xz = "application/x-xz",
  zip = "application/zip",
  zst = "application/zstd",
  ["7z"] = "application/x-7z-compressed",
  avif = "image/avif",
  bmp = "image/bmp",
  gif = "image/gif",
  ico = "image/vnd.microsoft.icon",
  jpeg = "image/jpeg",
  jpg = "image/jpeg",
  png = "image/png",
  svg = "image/svg+xml",
  tif = "image/tiff",
  tiff = "image/tiff",
  webp = "image/webp",
  aac = "audio/aac",
  flac = "audio/flac",
  m4a = "audio/mp4",
  mid = "audio/midi",
  mp3 = "audio/mpeg",
  oga = "audio/ogg",
  ogg = "audio/ogg",
  opus = "audio/ogg",
  wav = "audio/wav",
  avi = "video/x-msvideo",
  mkv = "video/x-matroska",
  mov = "video/quicktime",
  mp4 = "video/mp4",
  mpeg = "video/mpeg",
  ogv = "video/ogg",
  webm = "video/webm",
  otf = "font/otf",
  ttf = "font/ttf",
  woff = "font/woff",
  woff2 = "font/woff2",
}

--- The media type of a file.
---@param path string
---@return string
function mime.of(path)
  local ending = path:match("%.([^./]+)$")
  return ending and types[ending:lower()] or "application/octet-stream"
end

return mime
