# embed(target HEADER header FUNCTION name PREFIX prefix FILES file ...)
# A static library `target` with the bytes of the files: `header` declares skep::cli::EmbeddedFile and the function
# that `target` defines, which gives each file the path <prefix><file name>.
#
# The file is also the script that writes the source, when the build runs it: cmake -P embed.cmake.

if(CMAKE_SCRIPT_MODE_FILE)
  set(arrays "")
  set(entries "")
  set(number 0)
  foreach(file IN LISTS FILES)
    get_filename_component(name ${file} NAME)
    file(READ ${file} bytes HEX)
    string(REGEX MATCHALL "([0-9a-f][0-9a-f])" all "${bytes}")
    if(all MATCHES "(^|;)[89a-f]")
      message(FATAL_ERROR "${file}: not plain ASCII")
    endif()
    # sixteen to a line
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," numbers "${bytes}")
    string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n"
           numbers "${numbers}")
    string(APPEND arrays "constexpr char file_${number}[] = {\n${numbers}};\n")
    string(APPEND entries "    {\"${PREFIX}${name}\", {file_${number}, sizeof file_${number}}},\n")
    math(EXPR number "${number} + 1")
  endforeach()
  file(WRITE ${OUTPUT} "#include \"${HEADER}\"

namespace skep::cli {
namespace {
${arrays}
constexpr EmbeddedFile files[] = {
${entries}};
}  // namespace

std::span<const EmbeddedFile> ${FUNCTION}() { return files; }

}  // namespace skep::cli
")
  return()
endif()

set(embed_script ${CMAKE_CURRENT_LIST_FILE})

function(embed target)
  cmake_parse_arguments(arg "" "HEADER;FUNCTION;PREFIX" "FILES" ${ARGN})
  list(SORT arg_FILES)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${target}.cpp)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} "-DFILES=${arg_FILES}" -DPREFIX=${arg_PREFIX} -DHEADER=${arg_HEADER}
            -DFUNCTION=${arg_FUNCTION} -DOUTPUT=${output} -P ${embed_script}
    DEPENDS ${arg_FILES} ${embed_script}
    COMMENT "Embedding the files of ${target}"
    VERBATIM)
  add_library(${target} STATIC ${output})
  target_link_libraries(${target} PRIVATE skep_options)
endfunction()
