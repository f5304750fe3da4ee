# Every option of every command, in the order of help. All plugins that read a configuration compose all of them, so that one
# file can serve several commands: lmf_add_plugin(... OPTION_FILES ${LMF_OPTION_FILES}).
set(LMF_OPTION_FILES)
foreach(name
    model data finetuning lora training optimizer output evaluation generation precision distributed
    inference quantization preference multimodal trackers megatron export)
  list(APPEND LMF_OPTION_FILES ${CMAKE_CURRENT_LIST_DIR}/${name}.toml)
endforeach()
